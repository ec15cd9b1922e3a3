"""The frame of backends whose providers have no light SDK of their own: one JSON POST over httpx2, no redirects, no retries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

import httpx2

from sparekey.embedding.backends.base import EmbeddingBackend
from sparekey.errors import DisguisedError
from sparekey.wire.clients import http_client

if TYPE_CHECKING:
    from sparekey.embedding.types import EmbedResponse


@dataclass(frozen=True, slots=True)
class Post:
    """One request: where to, with which body; headers are made when it is sent, as a signature holds the time."""

    path: str
    body: dict[str, Any]
    query: dict[str, str] = field(default_factory=dict)


class HttpBackend(EmbeddingBackend):
    """Sends a `Post`."""

    def _make_sync(self) -> Any:
        return http_client(httpx2.Client, self.timeout, base_url=self.api_base or "")

    def _make_async(self) -> Any:
        return http_client(httpx2.AsyncClient, self.timeout, base_url=self.api_base or "")

    def _body(self, response: httpx2.Response) -> Any:
        response.raise_for_status()
        return response.content

    def _parse(self, response: httpx2.Response) -> EmbedResponse:
        """Read the answer; an error in its place holds the response, whose headers may state a wait."""
        try:
            return super()._parse(response)
        except DisguisedError as exc:
            exc.response = response  # type: ignore[attr-defined]  # the attribute by which SDK errors show it
            raise

    def _build(self, client: httpx2.Client | httpx2.AsyncClient, post: Post) -> httpx2.Request:
        return client.build_request("POST", post.path, params=post.query or None, json=post.body, headers=self.extra_headers)

    def _authorize(self, request: httpx2.Request) -> None:
        request.headers["authorization"] = f"Bearer {self._sdk_key()}"

    def _send(self, request: Post) -> httpx2.Response:
        client: httpx2.Client = self._clients.sync
        built = self._build(client, request)
        self._authorize(built)
        return client.send(built)

    async def _asend(self, request: Post) -> httpx2.Response:
        client: httpx2.AsyncClient = self._clients.asynchronous
        built = self._build(client, request)
        self._authorize(built)
        return await client.send(built)
