"""One client that asked for `/v1/responses`, or the counting of tokens, where the host has none of it parked the keys of all others."""

import json

import pytest

from sparekey import Secret
from sparekey.engine import Chain
from sparekey.gateway.upstream import messages
from sparekey.gateway.upstream.messages import Response
from sparekey.transport.affinity import ResourceAffinity
from sparekey.transport.responses import ResponseValidator
from sparekey.transport.routing_table import RoutingTable
from sparekey.transport.side_requests import with_side_requests
from sparekey.types import Credential, ErrorClass, Scope
from sparekey.wire.request import Target, understand

BODY = json.dumps({"model": "m", "messages": [], "input": "a"}).encode()


@pytest.mark.parametrize(
    ("path", "scope"), [("responses", Scope.REQUEST), ("completions", Scope.REQUEST), ("chat/completions", Scope.CREDENTIAL)]
)
@pytest.mark.parametrize(
    "told", [b"", b'{"error": {"message": "Invalid URL (POST /v1/responses)", "type": "invalid_request_error"}}', b"Not Found"]
)
def test_it_moves_on_and_parks_nobody(path, scope, told):
    """Only where every host has the path does a missing one blame the credential."""
    credential = Credential("a", "openai")
    table = RoutingTable(Chain([credential]), {"a": Target("openai", "https://a.example/v1", Secret("key"))})
    responses = ResponseValidator(table, messages, ResourceAffinity())
    call = understand("POST", f"/v1/{path}".encode(), [], BODY)
    refused = responses.refused(call, credential, Response(404, {}, told), told, told)
    failure = with_side_requests(table.classify)(refused)
    assert (failure.error_class, failure.scope) == (ErrorClass.MODEL_NOT_FOUND, scope)
