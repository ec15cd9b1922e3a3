"""The engine as people use it: a chain, its drivers for threads and event loops, and the limits of one call."""

from sparekey.failover.aio import AsyncFailover
from sparekey.failover.attempts import Attempts
from sparekey.failover.blocking import Failover
from sparekey.failover.call import Answer
from sparekey.failover.chain import Chain
from sparekey.failover.limits import limits

__all__ = ["Answer", "AsyncFailover", "Attempts", "Chain", "Failover", "limits"]
