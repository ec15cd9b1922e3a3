"""Older names that programs still call: the pair of a primary and a backup, OpenViking's switchers and breaker."""
