"""Failover under any SDK: HTTP transports that put each request to the credentials of a chain.

OpenAI(**sparekey.sdk_options("chat"))                         # everything set, also max_retries=0
httpx2.Client(transport=sparekey.FailoverTransport("chat"))    # the part itself

asynchronous     the loop: a request is put to one credential after the other; the gateway's is a subclass of it, and
synchronous      is generated from it (`make sync`)
routing_table    from a configuration or a chain to where each credential's requests go
routing          who may be asked for one request, in which order, with what bytes
affinity         which credential holds the file or the earlier response that a request names
responses        what a response is: a stream, an answer, a refusal, or no answer at all
event_filter     the events of one answer on their way to the caller, and how a stream is told to be broken
side_requests    how failures count that are not about the chain's own model
refusals         what a caller over HTTP is told when a provider, or every provider, says no: for SDKs and the gateway's clients, and
wording          the words of it
vectors          the one length that the vectors of a chain have
connections      the connections to the providers
dialing          how they are made, and within what time
stale            what becomes of a request that met one which had been closed while it was idle
libraries        the transports for httpx2, and for httpx where an SDK still uses that
sdk              the arguments of each SDK's client
"""

from sparekey.transport.libraries import AsyncFailoverTransport, FailoverTransport
from sparekey.transport.sdk import http_client, sdk_options

__all__ = ["AsyncFailoverTransport", "FailoverTransport", "http_client", "sdk_options"]
