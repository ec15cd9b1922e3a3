"""The engine as people use it: a chain, its drivers for threads and event loops, and the limits of one call."""

from sparekey.engine.asynchronous import AsyncFailover
from sparekey.engine.attempts import Attempts
from sparekey.engine.call import Answer
from sparekey.engine.chain import Chain
from sparekey.engine.limits import limits
from sparekey.engine.synchronous import Failover

__all__ = ["Answer", "AsyncFailover", "Attempts", "Chain", "Failover", "limits"]
