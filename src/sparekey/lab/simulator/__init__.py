"""A model provider on loopback whose faults are scripted: real HTTP, the wire formats of real providers, no key, no internet.

```python
from sparekey.lab.simulator import Simulator, faults

with Simulator() as simulator:
    first = simulator.provider("first", wire="openai", keys=["sk-sim-1"])
    first.fail(faults.quota())
```

The client under test gets `first.base_url`; `first.requests` tells what arrived. See docs/simulator.md.
"""

from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import TEXT, unit_vector
from sparekey.lab.simulator.provider import Provider
from sparekey.lab.simulator.seen import ReceivedRequest
from sparekey.lab.simulator.server import Simulator

__all__ = ["TEXT", "Provider", "ReceivedRequest", "Simulator", "faults", "unit_vector"]
