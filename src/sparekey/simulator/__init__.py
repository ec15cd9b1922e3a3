"""A model provider on loopback whose faults are scripted: real HTTP, the wire formats of real providers, no key, no internet.

```python
from sparekey.simulator import Simulator, faults

with Simulator() as simulator:
    first = simulator.provider("first", wire="openai", keys=["sk-sim-1"])
    first.fail(faults.quota())
```

The client under test gets `first.base_url`; `first.requests` tells what arrived. See docs/simulator.md.
"""

from sparekey.simulator import faults
from sparekey.simulator.answers import TEXT, unit_vector
from sparekey.simulator.provider import Provider
from sparekey.simulator.seen import Seen
from sparekey.simulator.server import Simulator

__all__ = ["TEXT", "Provider", "Seen", "Simulator", "faults", "unit_vector"]
