"""The former home of `sparekey.lab.drill`. It goes with the first release after 1 June 2027."""

from __future__ import annotations

import warnings

from sparekey.lab.drill import *  # noqa: F403 - the same names

warnings.warn("sparekey.drill is sparekey.lab.drill now; the old name goes after 1 June 2027", DeprecationWarning, stacklevel=2)
