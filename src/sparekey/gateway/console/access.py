"""Who may see the console and change something: the admin key, browser sessions, foreign pages."""

from __future__ import annotations

import asyncio
import hmac
import secrets
import time
from hashlib import sha256
from typing import TYPE_CHECKING, Final
from urllib.parse import urlsplit

from starlette.exceptions import HTTPException

from sparekey.config.gateway import is_loopback
from sparekey.gateway.api.access import FORWARDING, WRONG_KEY_SECONDS

if TYPE_CHECKING:
    from collections.abc import Callable

    from starlette.requests import Request
    from starlette.responses import Response

COOKIE: Final = "sparekey_admin"
SESSION_SECONDS: Final = 12 * 3600
_HEADERS: Final = ("x-sparekey-admin-key", "x-api-key")
_READ_ONLY: Final = "without gateway.admin_key the console only shows: set that key to act here"


class Door:
    """Decides who is let in: the admin.

    Without an admin key, everybody on this machine is, but no page of another origin in a browser.
    They may look, and change nothing: a proxy on this machine that adds no header cannot be told
    from a program here.
    """

    def __init__(
        self,
        digest: Callable[[], str] = str,
        *,
        seal: bytes | None = None,
        clock: Callable[[], float] = time.time,
        pause: float = WRONG_KEY_SECONDS,
    ) -> None:
        """Create the door; it knows the admin key by its digest only.

        Args:
            digest: returns the SHA-256 of the current admin key in hexadecimal; "" if there is
                none.
            seal: signs sessions; workers that share a port need the same. None: a random one.
            clock: returns seconds since 1970.
            pause: seconds before a wrong key is refused.
        """
        self._digest, self._clock, self._pause = digest, clock, pause
        self._seal = seal or secrets.token_bytes(32)
        self._ended: dict[str, float] = {}

    @property
    def asks_for_key(self) -> bool:
        """Whether there is an admin key."""
        return bool(self._digest())

    async def admit(self, request: Request) -> None:
        """Check a request that only reads.

        Raises:
            HTTPException: the sender is not the admin.
        """
        if not self.asks_for_key:
            _only_here(request)
        elif (key := _presented(request)) is not None:
            await self.check(key)
        elif not self._knows(request.cookies.get(COOKIE, "")):
            raise HTTPException(401, "this needs the gateway's admin key")

    def still_admits(self, request: Request) -> bool:
        """Return whether an admitted request still would be: its session or key may have ended."""
        if not self.asks_for_key:
            return True
        key = _presented(request)
        return self._knows(request.cookies.get(COOKIE, "")) if key is None else self._fits(key)

    async def admit_change(self, request: Request, *, is_simulated: bool = False) -> None:
        """Check a request that changes something: no page of another origin can send it.

        Args:
            request: the request.
            is_simulated: whether it changes a chain of simulated providers only, which needs no
                admin key.

        Raises:
            HTTPException: the sender is not the admin, or a page of another origin; or there is no
                admin key.
        """
        refuse_foreign(request)
        if request.headers.get("content-type", "").partition(";")[0].strip().lower() != "application/json":
            raise HTTPException(415, "send application/json")
        await self.admit(request)
        if not (self.asks_for_key or is_simulated):
            raise HTTPException(403, _READ_ONLY)

    async def check(self, key: str) -> None:
        """Compare a key with the admin key, in constant time.

        Raises:
            HTTPException: it is wrong. This comes after a pause, to slow down guessing.
        """
        if not self._fits(key):
            await asyncio.sleep(self._pause)
            raise HTTPException(401, "this is not the gateway's admin key")

    def begin(self, request: Request, response: Response) -> None:
        """Start a browser's session: set its cookie on `response`."""
        until = str(int(self._clock()) + SESSION_SECONDS)
        response.set_cookie(
            COOKIE,
            f"{until}.{self._sign(until)}",
            max_age=SESSION_SECONDS,
            httponly=True,
            samesite="strict",
            secure=request.url.scheme == "https",
        )

    def end(self, request: Request) -> None:
        """End a browser's session: its cookie is invalid from now on, but only in this process.

        Other workers on the same port do not learn of it.
        """
        now, cookie = self._clock(), request.cookies.get(COOKIE, "")
        if self._knows(cookie):
            self._ended = {one: until for one, until in self._ended.items() if until > now}
            self._ended[cookie] = float(cookie.partition(".")[0])

    def _fits(self, key: str) -> bool:
        return hmac.compare_digest(sha256(key.encode("utf-8", "surrogateescape")).hexdigest(), self._digest())

    def _knows(self, cookie: str) -> bool:
        until, _, signature = cookie.partition(".")
        genuine = hmac.compare_digest(signature.encode(), self._sign(until).encode())
        return genuine and int(until) > self._clock() and cookie not in self._ended

    def _sign(self, until: str) -> str:
        """Return a session's signature: it is void after its time, a new key or a new seal."""
        return hmac.new(self._seal, f"{until} {self._digest()}".encode(), "sha256").hexdigest()


def refuse_foreign(request: Request) -> None:
    """Refuse a request that a page of another origin has sent.

    Raises:
        HTTPException: it comes from such a page.
    """
    site, origin = request.headers.get("sec-fetch-site"), request.headers.get("origin")
    own = request.headers.get("host", "")
    if site not in {None, "same-origin", "none"} or (origin is not None and _netloc(origin) != own):
        raise HTTPException(403, "this was sent by a page of another origin")


def _only_here(request: Request) -> None:
    """Refuse other machines, and host names that a foreign page made resolve to this machine."""
    peer = request.client.host if request.client else ""
    if any(name.decode() in request.headers for name in FORWARDING):
        raise HTTPException(403, "without gateway.admin_key the console is for this machine only, and this request was forwarded")
    if not is_loopback(peer) or not is_loopback(_hostname(request.headers.get("host", ""))):
        raise HTTPException(403, "without gateway.admin_key the console is for this machine only, under its own address")
    refuse_foreign(request)


def _presented(request: Request) -> str | None:
    scheme, _, token = request.headers.get("authorization", "").partition(" ")
    if scheme.lower() == "bearer" and token:
        return token.strip()
    return next((request.headers[name].strip() for name in _HEADERS if name in request.headers), None)


def _netloc(url: str) -> str:
    try:
        return urlsplit(url).netloc
    except ValueError:
        return ""


def _hostname(host: str) -> str:
    try:
        return urlsplit(f"//{host}").hostname or ""
    except ValueError:
        return ""
