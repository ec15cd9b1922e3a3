"""The gateway: one address for every client.

http       a client's connection, its requests and their bodies
api        who may ask, at which paths, and one request's way through its chain
upstream   the connections to providers
process    listening, reloading, stopping, workers, certificates, files that are kept
observe    access log, metrics, spans
console    the page for people, and what it shows
"""
