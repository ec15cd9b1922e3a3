"""How many examples Hypothesis draws: a few, always the same ones, or as many as you ask for.

`SPAREKEY_EXAMPLES=500 make test-slow` draws so many a test, other ones each time, and no test remembers them.
"""

import os

from hypothesis import HealthCheck, settings

MANY = int(os.environ.get("SPAREKEY_EXAMPLES", "0"))


def drawn(few, **more):
    """The settings of a test that draws `few` examples, unless you asked for more; how fast they are drawn is the machine's business."""
    slow = [HealthCheck.too_slow, HealthCheck.filter_too_much]
    return settings(
        **{"max_examples": MANY or few, "derandomize": not MANY, "deadline": None, "database": None, "suppress_health_check": slow, **more}
    )
