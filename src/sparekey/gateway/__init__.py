"""The gateway: one address for every client.

dialing    how a connection to a provider comes about,
http1      one connection to a provider, and
upstream   all of them, behind one small interface
upstream_aiohttp   the same by aiohttp, also through a proxy
connecting which of the two, and which hosts are behind the proxy
lib        what the decisions of `sparekey.transport` ask of an HTTP library
relay      one request on its way through a chain
vectors    how long the vectors of a chain are
served     the chains by the names that clients call them
routes     which requests are taken
reads      lists of the chains, and
openapi    the description of all there is (with `openapi_schemas`)
access     who may use it
access_log what is written of each request, and
writer     the thread that writes it
tracing    what OpenTelemetry is told of each request
intake     a request's body, and whether its client is still there
answers    the gateway's own refusals, and what a client is told of refusals and exhausted chains
app        the ASGI application
protocol   limits on headers and time, for uvicorn
tls        certificates, for clients that speak HTTPS
server     the process: workers, reload
draining   its beginning and its end
notify     word of both to systemd
book       what each chain went through, for the console
admin      the console, the admin API and the metrics, and
host       what connects them with the gateway
metrics    what Prometheus is told of the gateway itself
"""
