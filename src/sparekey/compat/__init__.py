"""Older classes that programs still use: the pair of primary and backup, and OpenViking's."""
