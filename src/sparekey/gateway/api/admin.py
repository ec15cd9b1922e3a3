"""The admin API, the console and the metrics as one ASGI application, for `/admin`, `/console` and `/metrics`.

None of it runs while a request passes through a chain, so it can afford starlette's routing.
"""

from __future__ import annotations

import json
import time
from importlib import resources
from typing import TYPE_CHECKING, Any, Final

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import ClientDisconnect
from starlette.responses import JSONResponse, RedirectResponse, Response, StreamingResponse
from starlette.routing import Route

from sparekey.gateway.console.access import COOKIE, Door, refuse_foreign
from sparekey.gateway.console.actions import act, give_fault, test_all
from sparekey.gateway.console.live import Live
from sparekey.gateway.console.snapshot import snapshot

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping

    from starlette.requests import Request

    from sparekey.gateway.console.host import Host

_LONGEST_BODY: Final = 4096
_POLICY: Final = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self';"
    " base-uri 'none'; frame-ancestors 'none'"
)
_GUARDED: Final = {
    "content-security-policy": _POLICY,
    "x-content-type-options": "nosniff",
    "x-frame-options": "DENY",
    "referrer-policy": "same-origin",  # "no-referrer" makes browsers log in with `origin: null`
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "cache-control": "no-store",
}
_FILES: Final[Mapping[str, str]] = {
    "index.html": "text/html",
    "login.html": "text/html",
    "console.css": "text/css",
    "console.js": "text/javascript",
    "live.js": "text/javascript",
    "cards.js": "text/javascript",
    "past.js": "text/javascript",
    "actions.js": "text/javascript",
    "draw.js": "text/javascript",
    "icon.svg": "image/svg+xml",
}


class Admin:
    """The ASGI application."""

    def __init__(self, host: Host, door: Door | None = None, *, metrics: Callable[[], bytes] | None = None) -> None:
        """Serve the console and the admin API of a gateway.

        Args:
            host: the gateway as the console sees it.
            door: decides who is let in; without an admin key only this machine is.
            metrics: returns the metrics in Prometheus' text format; None: `/metrics` is not served.
        """
        self._host, self._door, self._metrics = host, door or Door(), metrics
        self._live = Live(host)
        folder = resources.files("sparekey.gateway.console")
        self._files = {name: folder.joinpath(name).read_bytes() for name in _FILES}
        self._app = Starlette(routes=self._routes(), exception_handlers={HTTPException: _refused})

    async def __call__(self, scope: Any, receive: Any, send: Callable[[Any], Awaitable[None]]) -> None:
        """Serve one ASGI request; every answer carries the security headers of a page."""

        async def guarded(message: Any) -> None:
            if message["type"] == "http.response.start":
                message["headers"] = [*message["headers"], *((k.encode(), v.encode()) for k, v in _GUARDED.items())]
            await send(message)

        await self._app(scope, receive, guarded)

    def close(self) -> None:
        """End the live connections of open pages, because the gateway stops."""
        self._live.close()

    def _routes(self) -> list[Route]:
        api = "/admin/api"
        return [
            Route("/console", self._page),
            Route("/console/login", self._login_page),
            Route("/console/login", self._login, methods=["POST"]),
            Route("/console/logout", self._logout, methods=["POST"]),
            Route("/console/{name}", self._file),
            Route("/metrics", self._measured),
            Route(f"{api}/state", self._state),
            Route(f"{api}/events", self._events),
            Route(f"{api}/chains/{{chain:path}}/credentials/{{credential:path}}/{{action}}", self._act, methods=["POST"]),
            Route(f"{api}/chains/{{chain:path}}/test", self._test, methods=["POST"]),
            Route(f"{api}/chains/{{chain:path}}/fault", self._fault, methods=["POST"]),
        ]

    # ── the page ──

    async def _page(self, request: Request) -> Response:
        try:
            await self._door.admit(request)
        except HTTPException as exc:
            if exc.status_code != 401 or not self._door.asks_for_key:  # noqa: PLR2004 - the status of a missing key
                raise
            return RedirectResponse("console/login", 303)
        return self._sent("index.html")

    async def _file(self, request: Request) -> Response:
        name = request.path_params["name"]
        if name not in _FILES or name.endswith(".html"):
            raise HTTPException(404, "there is no such file")
        return self._sent(name)

    def _sent(self, name: str, status: int = 200) -> Response:
        return Response(self._files[name], status, media_type=_FILES[name])

    async def _login_page(self, request: Request) -> Response:
        return self._said(_ENDED) if "ended" in request.query_params else self._sent("login.html")

    def _said(self, what: bytes, status: int = 200) -> Response:
        """Return the login page with a message, which is HTML."""
        return Response(self._files["login.html"].replace(b"<!-- said -->", what), status, media_type="text/html")

    async def _login(self, request: Request) -> Response:
        refuse_foreign(request)
        form = await _form(request)
        if not self._door.asks_for_key:
            return RedirectResponse("../console", 303)
        try:
            await self._door.check(form.get("key", ""))
        except HTTPException:
            return self._said(_WRONG, 401)
        response = RedirectResponse("../console", 303)
        self._door.begin(request, response)
        return response

    async def _logout(self, request: Request) -> Response:
        refuse_foreign(request)
        self._door.end(request)
        response = RedirectResponse("login", 303)
        response.delete_cookie(COOKIE, httponly=True, samesite="strict")
        return response

    # ── the API ──

    async def _state(self, request: Request) -> Response:
        await self._door.admit(request)
        return JSONResponse(snapshot(self._host, time.time()))

    async def _events(self, request: Request) -> Response:
        await self._door.admit(request)
        events = await self._live.listen(lambda: self._door.still_admits(request))
        return StreamingResponse(events, media_type="text/event-stream", headers={"x-accel-buffering": "no"})

    async def _act(self, request: Request) -> Response:
        await self._admit_change(request)
        chain, credential, action = (request.path_params[name] for name in ("chain", "credential", "action"))
        return JSONResponse(await act(self._host, chain, credential, action, await _json(request)))

    async def _test(self, request: Request) -> Response:
        await self._admit_change(request)
        return JSONResponse(await test_all(self._host, request.path_params["chain"]))

    async def _fault(self, request: Request) -> Response:
        await self._admit_change(request)
        return JSONResponse(give_fault(self._host, request.path_params["chain"], await _json(request)))

    async def _admit_change(self, request: Request) -> None:
        watched = self._host.chains.get(request.path_params["chain"])
        await self._door.admit_change(request, is_simulated=watched is None or watched.is_simulated)

    async def _measured(self, request: Request) -> Response:
        await self._door.admit(request)
        if self._metrics is None:
            raise HTTPException(404, "there are no metrics: install sparekey[prometheus]")
        return Response(self._metrics(), headers={"content-type": "text/plain; version=0.0.4; charset=utf-8"})


_WRONG: Final = b'<p class="wrong" role="alert">This is not the admin key.</p>'
_ENDED: Final = b'<p role="status">Your session has ended. Log in to go on where you were.</p>'


async def _refused(_request: Request, exc: Exception) -> Response:
    assert isinstance(exc, HTTPException)
    return JSONResponse({"error": {"message": exc.detail}}, exc.status_code, headers=exc.headers)


async def _body(request: Request) -> bytes:
    body = bytearray()
    try:
        async for piece in request.stream():
            body += piece
            if len(body) > _LONGEST_BODY:
                raise HTTPException(413, "the body is too long")
    except ClientDisconnect:
        raise HTTPException(400, "the body did not come to its end") from None
    return bytes(body)


async def _json(request: Request) -> dict[str, Any]:
    try:
        value = json.loads(await _body(request) or b"{}")
    except (ValueError, RecursionError):
        raise HTTPException(400, "the body is no JSON") from None
    if not isinstance(value, dict):
        raise HTTPException(400, "the body must be a JSON object")
    return value


async def _form(request: Request) -> dict[str, str]:
    from urllib.parse import parse_qsl  # noqa: PLC0415 - for the login alone

    return dict(parse_qsl((await _body(request)).decode("utf-8", "replace")))
