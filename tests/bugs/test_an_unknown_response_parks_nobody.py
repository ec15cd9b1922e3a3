"""A request that went on from a response nobody knew, or an item of another account, parked every key for ten minutes."""

import json

import pytest

from sparekey.classify import classify
from sparekey.engine import Chain, Failover
from sparekey.errors import AllCredentialsFailedError
from sparekey.gateway.upstream.messages import Response
from sparekey.transport.refusals import Refused
from sparekey.types import Credential, ErrorClass, Scope

TOLD = [
    (400, "Previous response with id 'resp_68' not found.", "previous_response_not_found"),
    (404, "Item with id 'rs_68' not found. Items are not persisted when `store` is set to false.", None),
    (404, "Conversation with id 'conv_68' not found.", None),
    (404, "No such File object: file-68", None),
    (400, "The encrypted content gAAA could not be verified.", "invalid_encrypted_content"),
]


def refused(status, message, code):
    body = json.dumps({"error": {"message": message, "type": "invalid_request_error", "param": None, "code": code}}).encode()
    return Refused(Response(status, {}, body), body, body)


@pytest.mark.parametrize("told", TOLD, ids=[one[1][:24] for one in TOLD])
def test_it_blames_the_request(told):
    """The request is at fault, and the key stays in service."""
    failure = classify(refused(*told))
    assert (failure.error_class, failure.reason, failure.scope) == (ErrorClass.PERMANENT, "unknown_reference", Scope.REQUEST)
    chain = Chain([Credential("a"), Credential("b")])

    def ask(_credential):
        raise refused(*told)

    with pytest.raises((Refused, AllCredentialsFailedError)):
        Failover(chain).call(ask)
    assert not chain.state.breakers
