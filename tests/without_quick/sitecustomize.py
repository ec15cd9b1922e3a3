"""Switches the gateway's quick path off in this Python: the engine serves all.

`pytest --without-quick` runs this in itself, and has every Python that a test starts run it first.
"""

from sparekey.gateway.quick import path

path.opened = lambda _gateway: None
