"""The gateway: one address for every client.

http1      one connection to a provider, and
upstream   all of them, behind one small interface
lib        what the decisions of `sparekey.transport` ask of an HTTP library
relay      one request on its way through a chain
vectors    how long the vectors of a chain are
served     the chains by the names that clients call them
routes     which requests are taken
reads      lists of the chains, and
openapi    the description of all there is (with `openapi_schemas`)
access     who may use it
intake     a request's body, and whether its client is still there
answers    refusals, exhausted chains and broken streams in the shape of each wire
app        the ASGI application
protocol   limits on headers and time, for uvicorn
server     the process: workers, reload, stop
book       what each chain went through, for the console
admin      the console, the admin API and the metrics, and
host       what connects them with the gateway
metrics    what Prometheus is told of the gateway itself
"""
