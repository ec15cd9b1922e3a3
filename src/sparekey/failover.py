"""The former home of `sparekey.engine`. It goes with the first release after 1 June 2027."""

from __future__ import annotations

import warnings

from sparekey.engine import *  # noqa: F403 - the same names

warnings.warn("sparekey.failover is sparekey.engine now; the old name goes after 1 June 2027", DeprecationWarning, stacklevel=2)
