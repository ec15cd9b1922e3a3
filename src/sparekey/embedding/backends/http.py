"""The frame of backends whose providers have no light SDK of their own: one JSON POST over httpx2, no redirects, no retries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx2

from sparekey.embedding.backends.base import Backend


@dataclass(frozen=True, slots=True)
class Post:
    """One request: where to, with which body; headers are made when it is sent, as a signature holds the time."""

    path: str
    body: dict[str, Any]
    query: dict[str, str] = field(default_factory=dict)


class HttpBackend(Backend):
    """Sends a `Post` and answers with the response's JSON."""

    def _make_sync(self) -> httpx2.Client:
        return httpx2.Client(base_url=self.api_base or "", timeout=self.timeout, follow_redirects=False)

    def _make_async(self) -> httpx2.AsyncClient:
        return httpx2.AsyncClient(base_url=self.api_base or "", timeout=self.timeout, follow_redirects=False)

    def _build(self, client: httpx2.Client | httpx2.AsyncClient, post: Post) -> httpx2.Request:
        return client.build_request("POST", post.path, params=post.query or None, json=post.body, headers=self.extra_headers)

    def _authorize(self, request: httpx2.Request) -> None:
        request.headers["authorization"] = f"Bearer {self._key()}"

    def _send(self, request: Post) -> Any:
        client = self._clients.sync
        built = self._build(client, request)
        self._authorize(built)
        return self._read(client.send(built))

    async def _asend(self, request: Post) -> Any:
        client = self._clients.asynchronous
        built = self._build(client, request)
        self._authorize(built)
        return self._read(await client.send(built))

    def _read(self, response: httpx2.Response) -> Any:
        """Return the JSON of a success.

        Raises:
            httpx2.HTTPStatusError: the provider's error, with its response.
            ValueError: a success that is no JSON.
        """
        response.raise_for_status()
        return response.json()
