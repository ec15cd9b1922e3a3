"""Requests for vectors take the quick path; what the engine would not have passed on as it came is the engine's."""

import base64
import json
import struct

import pytest
from agreement_kit import SETTLED, Pair, Provider, answer, chunked, cut, request

GOOD = [0.5, -0.25, 0.125]
TEXTS = ["Where is it?", "\u00e9\u4e16"]
REFUSAL = {"error": {"message": "Incorrect API key provided", "type": "invalid_request_error", "code": "invalid_api_key"}}
LENGTH = {"error": {"message": "Model does not support matryoshka representation, changing output dimensions", "code": 400}}


def packed(*numbers):
    return base64.b64encode(struct.pack(f"<{len(numbers)}f", *numbers)).decode()


def vectors(*found, **more):
    data = [{"object": "embedding", "index": number, "embedding": one} for number, one in enumerate(found)]
    return {"object": "list", "model": "m", "data": data, "usage": {"prompt_tokens": 2, "total_tokens": 2}, **more}


def ask(texts=TEXTS, **more):
    return lambda model: request({"model": model, "input": texts, **more}, path="/v1/embeddings")


WELL = vectors(GOOD, GOOD)
ONE = vectors(GOOD)
REQUESTS = {
    "two": (ask(), WELL, ["taken"]),
    "one": (ask("text"), ONE, ["taken"]),
    "numbers": (ask([1, 2, 3]), ONE, ["taken"]),
    "lists": (ask([[1, 2], [3]]), WELL, ["taken"]),
    "none": (ask([]), vectors(), ["taken"]),
    "floats": (ask(encoding_format="float"), WELL, ["taken"]),
    "base64": (ask(encoding_format="base64"), vectors(packed(*GOOD), packed(*GOOD)), ["taken"]),
    "encoded": (ask(encoding_format="base64"), WELL, ["rewritten"]),
    "decoded": (ask(), vectors(packed(*GOOD), packed(*GOOD)), ["rewritten"]),
    "dimensions": (ask(dimensions=3), WELL, ["taken"]),
    "others": (ask(dimensions=2), WELL, ["no answer"]),
    "null": (ask(dimensions=None), WELL, ["fields"]),
    "user": (ask(user="someone"), WELL, ["taken"]),
    "bytes": (ask(output_dtype="int8"), vectors([1, 2], [3, 4]), ["taken"]),
    "chat": (ask(messages=[]), WELL, ["fields"]),
    "nothing": (lambda model: request({"model": model}, path="/v1/embeddings"), WELL, ["fields"]),
    "object": (ask({"a": 1}), WELL, ["fields"]),
    "truth": (ask(True), WELL, ["fields"]),
    "streams": (ask(stream=True), WELL, ["stream"]),
}
"""Requests, their answers, and who served them."""
ANSWERS = {
    "fewer": (ONE, "no answer"),
    "more": (vectors(GOOD, GOOD, GOOD), "no answer"),
    "longer": (vectors(GOOD, [*GOOD, 1.0]), "no answer"),
    "zeros": (vectors(GOOD, [0.0, 0, 0]), "no answer"),
    "nan": (vectors(GOOD, [float("nan"), 1.0, 1.0]), "no answer"),
    "words": (vectors(GOOD, ["a", "b", "c"]), "no answer"),
    "order": (vectors(GOOD, GOOD, data=[{"index": 1, "embedding": GOOD}, {"index": 0, "embedding": GOOD}]), "taken"),
    "places": (vectors(GOOD, GOOD, data=[{"index": 1, "embedding": GOOD}, {"index": 1, "embedding": GOOD}]), "no answer"),
    "inner": (REFUSAL, "no answer"),
    "empty": ({}, "no answer"),
    "html": (b"<html>no</html>", "no answer"),
}
"""Answers to two inputs."""
CUTS, LEARNS = tuple(f"cut{seed}" for seed in range(4)), "learns"
KINDS = dict.fromkeys((*REQUESTS, *ANSWERS, *CUTS, LEARNS), ("openai", "some-model", "embedding"))
KINDS[SETTLED] = ("openai", "gpt-4o-mini")


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    provider = Provider(answer(WELL))
    found = Pair(tmp_path_factory.mktemp("vectors"), provider, KINDS)
    yield found
    metrics = [found.metrics(quick) for quick in (True, False)]
    found.stop()
    provider.close()
    assert metrics[0] == metrics[1]


def agreed(pair, case, asked, pieces):
    """Play a case through both gateways; return who served it on the quick one."""
    warm = ask()(case)
    (why, quick), (_, engine) = (pair.played(case, on, asked, [[answer(WELL)], pieces], warm=warm) for on in (True, False))
    for one, other in zip(quick, engine, strict=True):
        assert one == other
    return why


@pytest.mark.parametrize("case", REQUESTS)
def test_requests_for_vectors_are_served_alike(pair, case):
    """Whatever their inputs and the form of the numbers."""
    made, found, why = REQUESTS[case]
    assert agreed(pair, case, [made(case)], [answer(found)]) == why


@pytest.mark.parametrize("case", ANSWERS)
def test_vectors_are_judged_alike(pair, case):
    """Those that the chain does not have are never passed on."""
    found, why = ANSWERS[case]
    assert agreed(pair, case, [ask()(case)], [answer(found)]) == [why]


@pytest.mark.parametrize("case", CUTS)
def test_cuts_of_vectors_change_nothing(pair, case):
    """Request and answer come in pieces of any length."""
    seed = int(case[3:])
    whole = chunked(WELL) if seed % 2 else answer(WELL)
    assert agreed(pair, case, cut(ask()(case), seed), cut(whole, seed + 9)) in (["taken"], ["head", "taken"], ["head"])


def test_a_refused_length_is_learnt_by_the_engine(pair):
    """Once a host has refused one, every request of its chain is the engine's."""
    case = LEARNS
    results = []
    for quick in (True, False):
        refused = answer(LENGTH, status="400 Bad Request")
        answers = [[answer(WELL)], [refused], [answer(WELL)], [answer(WELL)]]
        why, result = pair.played(case, quick, [ask(dimensions=3)(case), ask()(case)], answers, warm=ask()(case), count=2)
        results.append((why, result))
    assert results[0][1] == results[1][1]
    assert [json.loads(body).get("dimensions") for *_, body in results[0][1][2]] == [None, 3, None, None]
    assert set(results[0][0]) >= {"status"}
