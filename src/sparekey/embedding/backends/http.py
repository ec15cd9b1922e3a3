"""The frame of backends whose providers have no light SDK of their own: one JSON POST over httpx2, no redirects, no retries."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import httpx2

from sparekey.embedding.backends.base import EmbeddingBackend, no_vectors
from sparekey.errors import IncompleteAnswerError, SparekeyError
from sparekey.wire.clients import http_client


@dataclass(frozen=True, slots=True)
class Post:
    """One request: where to, with which body; headers are made when it is sent, as a signature holds the time."""

    path: str
    body: dict[str, Any]
    query: dict[str, str] = field(default_factory=dict)


class HttpBackend(EmbeddingBackend):
    """Sends a `Post`; `_parse` gets the response."""

    def _make_sync(self) -> Any:
        return http_client(httpx2.Client, self.timeout, base_url=self.api_base or "")

    def _make_async(self) -> Any:
        return http_client(httpx2.AsyncClient, self.timeout, base_url=self.api_base or "")

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


def read_json(response: httpx2.Response) -> dict[str, Any]:
    """Return the JSON object of a success.

    Raises:
        httpx2.HTTPStatusError: the provider's error, with its response.
        IncompleteAnswerError: a success that is no JSON object.
    """
    response.raise_for_status()
    try:
        value = response.json()
    except ValueError as exc:
        raise IncompleteAnswerError("the answer is no JSON") from exc
    if not isinstance(value, dict):
        raise IncompleteAnswerError("the answer is no JSON object")
    return value


def withheld(who: str, response: httpx2.Response, body: dict[str, Any]) -> SparekeyError:
    """Return the error for a 200 that says why it holds no vectors, with the response: its headers may state a wait."""
    error = no_vectors(who, body)
    error.response = response  # type: ignore[attr-defined]  # the attribute by which SDK errors show it
    return error
