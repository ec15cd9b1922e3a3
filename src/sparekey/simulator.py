"""The former home of `sparekey.lab.simulator`. It goes with the first release after 1 June 2027."""

from __future__ import annotations

import warnings

from sparekey.lab.simulator import TEXT, Provider, ReceivedRequest, Simulator, faults, unit_vector

__all__ = ["TEXT", "Provider", "ReceivedRequest", "Seen", "Simulator", "faults", "unit_vector"]
Seen = ReceivedRequest
warnings.warn("sparekey.simulator is sparekey.lab.simulator now; the old name goes after 1 June 2027", DeprecationWarning, stacklevel=2)
