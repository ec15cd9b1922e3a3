"""A simulated model provider on loopback, with scripted faults: real HTTP and real wire formats.

It needs no key and no internet.

```python
from sparekey.lab.simulator import Simulator, faults

with Simulator() as simulator:
    first = simulator.provider("first", wire="openai", keys=["sk-sim-1"])
    first.fail(faults.quota())
```

Give the client under test `first.base_url`; `first.requests` holds what arrived. See
docs/simulator.md.
"""

from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import TEXT, unit_vector
from sparekey.lab.simulator.provider import Provider
from sparekey.lab.simulator.server import Simulator
from sparekey.lab.simulator.traffic import ReceivedRequest

__all__ = ["TEXT", "Provider", "ReceivedRequest", "Simulator", "faults", "unit_vector"]
