"""Failover under any SDK: HTTP transports that put each request to the credentials of a chain.

OpenAI(**sparekey.sdk_options("chat"))                         # everything set, also max_retries=0
httpx2.Client(transport=sparekey.FailoverTransport("chat"))    # the part itself

targets    from a configuration or a chain to where each credential's requests go
exchange   what is decided about a request, its answers and its streams, without I/O
refusals   what a caller over HTTP is told when a provider, or every provider, says no: for the SDK and for the gateway's clients, and
wording    the words of it
following  the events of one answer on their way to the caller, and how a stream is told to be broken
bindings   which credential holds the file or the earlier response that a request names
upstream   the connections to the providers
dialing    how they are made, and within what time
stale      what becomes of a request that met one which had been closed while it was idle
blocking   the sync transport, and
aio        the async one, for any library with httpx's names
libraries  both for httpx2, and for httpx where an SDK still uses that
sdk        the arguments of each SDK's client
"""

from sparekey.transport.libraries import AsyncFailoverTransport, FailoverTransport
from sparekey.transport.sdk import http_client, sdk_options

__all__ = ["AsyncFailoverTransport", "FailoverTransport", "http_client", "sdk_options"]
