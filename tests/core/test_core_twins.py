"""Credentials that hold the same key: those that are one and the same, and those that only share an account."""

from dataclasses import replace

import pytest

from sparekey.core.twins import key_of, shared_keys, twins
from sparekey.types import Credential, Secret

KEY = "sk-0123456789abcdef"
ONE = Credential("one", "openai", "m", endpoint="https://api.example.com/v1", api_key=Secret(KEY))


def beside(**changes):
    """What the functions say of `ONE` and of one that differs from it in its id and in `changes`."""
    pair = [ONE, replace(ONE, id="two", **changes)]
    return twins(pair), shared_keys(pair)


def test_same_key_at_the_same_place_for_the_same_model_is_a_twin():
    """Neither the id, nor a declared account, nor a slash at the end of the URL makes another one of it."""
    assert beside() == ({1: 0}, {})
    assert beside(account="acme") == ({1: 0}, {})
    assert beside(endpoint="https://api.example.com/v1/") == ({1: 0}, {})


@pytest.mark.parametrize(
    "changes",
    [{"model": "n"}, {"endpoint": "https://eu.example.com/v1"}, {"provider": "azure"}, {"headers": {"OpenAI-Project": "p2"}}],
    ids=["model", "endpoint", "provider", "project"],
)
def test_same_key_for_something_else_is_shared(changes):
    """Another model, address, provider or project may serve when the first one cannot."""
    assert beside(**changes) == ({}, {1: 0})


def test_another_key_is_neither():
    """However alike the rest is."""
    assert beside(api_key=Secret(KEY + "x")) == ({}, {})


@pytest.mark.parametrize("key", [None, Secret(""), *map(Secret, ("none", "EMPTY", "ollama", "seven77", "lm-studio", "Not-Needed"))])
def test_no_key_and_placeholders_are_neither(key):
    """Local servers take any word; two of them share no account."""
    pair = [replace(ONE, api_key=key), replace(ONE, id="two", api_key=key, model="n"), replace(ONE, id="three", api_key=key)]
    assert (twins(pair), shared_keys(pair)) == ({}, {})


@pytest.mark.parametrize("header", ["Authorization", "x-api-key", "API-Key", "x-goog-api-key"])
def test_a_key_in_a_header_counts(header):
    """It is what the provider sees, whatever `api_key` says."""
    value = f"Bearer {KEY}" if header == "Authorization" else KEY
    assert beside(api_key=Secret("another-key-of-mine"), headers={header: value}) == ({1: 0}, {})
    assert beside(headers={header: "another-key-of-mine"}) == ({}, {})
    assert key_of(replace(ONE, api_key=None, headers={"authorization": f"bearer {KEY}"})) == KEY


def test_each_is_told_against_the_first():
    """Twins of one that shares are its twins; the first one of each kind is nobody's."""
    chain = [ONE, replace(ONE, id="b", model="n"), replace(ONE, id="c"), replace(ONE, id="d", model="n"), replace(ONE, id="e")]
    assert twins(chain) == {2: 0, 3: 1, 4: 0}
    assert shared_keys(chain) == {1: 0}
    assert twins([]) == shared_keys([]) == {}
