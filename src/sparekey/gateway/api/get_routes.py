"""GET requests, which ask no model: the lists of the chains, and the OpenAPI description."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.gateway.api.model_lists import model, models
from sparekey.gateway.api.openapi import document
from sparekey.gateway.api.replies import JSON, GatewayReply, RefusalError
from sparekey.gateway.api.routes import DESCRIPTION, is_read, refuse_reading

if TYPE_CHECKING:
    from collections.abc import Sequence

METHODS: Final = frozenset({"GET", "HEAD"})


def read(path: str, method: str, dialect: str, names: Sequence[str]) -> GatewayReply:
    """Return the answer to a request that is no POST.

    Args:
        path: the request's path.
        method: its HTTP method.
        dialect: the wire whose format the client expects.
        names: the names and aliases of the chains that this client may use.

    Raises:
        RefusalError: the path does not exist (404), or takes another method (405).
    """
    if method not in METHODS or not is_read(path):
        refuse_reading(path)
    if path == DESCRIPTION:
        return GatewayReply(200, [JSON], document())
    name = path.partition("/models")[2]
    if not name.strip("/"):
        return models(dialect, names)
    if name[1:] in names:
        return model(dialect, name[1:])
    raise RefusalError(404, "model_not_found", f"there is no such model here; there are: {', '.join(names)}")
