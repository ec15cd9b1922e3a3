"""One way to ask over every kind of transport: sync and async, httpx2 and httpx, and the engine pyreqwest."""

import contextlib
import threading
from importlib.util import find_spec

import anyio
import anyio.from_thread
import httpx
import httpx2

from sparekey.transport.libraries import HTTPX2, legacy

SYNC = {"httpx2": (httpx2, {}), "httpx": (httpx, {})}
if find_spec("pyreqwest"):  # the extra `fast`
    SYNC["pyreqwest"] = (httpx2, {"upstream": "pyreqwest"})
ASYNC = {"asyncio": (httpx2, "asyncio"), "trio": (httpx2, "trio"), "asyncio over httpx": (httpx, "asyncio")}
MODES = (*SYNC, *ASYNC)
URL = "https://any.example/v1/chat/completions"
BODY = {"model": "m", "messages": [{"role": "user", "content": "Where is the spare key?"}]}


def library(mode):
    """The HTTP library of a mode."""
    return (SYNC.get(mode) or ASYNC[mode])[0]


@contextlib.contextmanager
def asking(mode, source, *, timeout=20, **options):
    """Give a function that makes so many requests at once and returns what became of each: a response, or an exception."""
    lib = library(mode)
    kinds = HTTPX2 if lib is httpx2 else legacy()
    if mode in SYNC:
        made = kinds.transport(source, **options, **SYNC[mode][1])
        with lib.Client(transport=made, timeout=timeout) as client:
            yield lambda count=1: _at_once(client, count)
        return
    made = kinds.async_transport(source, **options)
    with (
        anyio.from_thread.start_blocking_portal(ASYNC[mode][1]) as portal,
        portal.wrap_async_context_manager(lib.AsyncClient(transport=made, timeout=timeout)) as client,
    ):
        yield lambda count=1: portal.call(_side_by_side, client, count)


def _at_once(client, count):
    found = []

    def ask():
        try:
            found.append(client.post(URL, json=BODY))
        except Exception as exc:
            found.append(exc)

    threads = [threading.Thread(target=ask) for _ in range(count)]
    for one in threads:
        one.start()
    for one in threads:
        one.join()
    return found


async def _side_by_side(client, count):
    found = []

    async def ask():
        try:
            found.append(await client.post(URL, json=BODY))
        except Exception as exc:
            found.append(exc)

    async with anyio.create_task_group() as group:
        for _ in range(count):
            group.start_soon(ask)
    return found
