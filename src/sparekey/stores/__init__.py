"""Where state lives between requests: read and compare-and-set, no policy.

`open_store` opens one by its address. See docs/stores.md.
"""

from sparekey.stores.base import Stamp, Store, StoreAwayError
from sparekey.stores.keeper import Keeper
from sparekey.stores.opening import open_store

__all__ = ["Keeper", "Stamp", "Store", "StoreAwayError", "open_store"]
