"""Failover quality: what callers feel over hours and weeks of incidents, beside an oracle that knows the future (`make quality`)."""
