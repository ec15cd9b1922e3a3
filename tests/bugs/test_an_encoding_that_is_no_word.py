"""`"encoding_format": []` raised a TypeError while the answer was read: a 502, and a parked credential that was well."""

import json

import pytest

from sparekey.wire import json_body
from sparekey.wire.request import WireRequest
from sparekey.wire.vector_bytes import admitted

ANSWER = json.dumps({"object": "list", "data": [{"object": "embedding", "index": 0, "embedding": [0.6, 0.8]}]}).encode()


@pytest.mark.parametrize("name", ["encoding_format", "embedding_type", "embedding_types"])
@pytest.mark.parametrize("value", [[], {}, ["float"], 5])
def test_it_is_the_hosts_to_refuse(name, value):
    """Whatever stands there, an answer of the host is read or handed on."""
    body = json.dumps({"model": "m", "input": ["a"], name: value}).encode()
    call = WireRequest("openai", "POST", "embeddings", kind="embedding", body=body, document=json_body.read(body))
    found = admitted(call, ANSWER)
    assert found is None or list(found.lengths) == [2]
