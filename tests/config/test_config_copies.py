"""A configuration that is copied or pickled: the settings travel, keys that stand in it do not leave the process."""

import copy
import pickle
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context

import pytest

from sparekey import ConfigError
from sparekey.config import config_of

KEY = "sk-test-0123456789abcdef"
OTHER = "sk-other-0123456789abcdef"


@pytest.fixture
def config(monkeypatch):
    """Two credentials, a key in the file and one in the environment, an instance that was built of them."""
    monkeypatch.setenv("COPIED_KEY", OTHER)
    rows = [{"id": "a", "api_key": KEY}, {"id": "b", "api_key": "env:COPIED_KEY"}]
    made = config_of({"vlm": {"provider": "openai", "model": "m", "credentials": rows}})
    made.vlm.get_vlm_instance()
    yield made
    made.close()


@pytest.mark.parametrize("copied", [copy.copy, copy.deepcopy, lambda one: one.model_copy(), lambda one: one.model_copy(deep=True)])
def test_a_copy_has_the_keys(config, copied):
    """Whoever changes a setting for a test of their own has a configuration that works."""
    twin = copied(config.vlm)
    assert [one["api_key"].reveal() for one in twin.instance_dicts()] == [KEY, OTHER]


def keys_there(pickled):
    """What another process finds: each key, or why there is none."""
    vlm, found = pickle.loads(pickled).vlm, []
    for index in range(2):
        try:
            found.append(vlm._secret(vlm.credentials[index].api_key).reveal())
        except ConfigError as exc:
            found.append(str(exc))
    return found


def test_a_pickle_holds_no_key_and_says_so(config):
    """A reference is looked up where it is used; a key that stood in the file itself is missing there, and nothing is sent in its place."""
    pickled = pickle.dumps(config)
    assert KEY.encode() not in pickled
    assert OTHER.encode() not in pickled
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        first, second = pool.submit(keys_there, pickled).result()
    assert second == OTHER
    assert first.startswith("sparekey.json: vlm.credentials[0].api_key: ***: the key was left out of a pickle")


def test_no_form_of_a_configuration_shows_a_key():
    """Nor do its parts: in a body, in an address, in a header."""
    vlm = {"provider": "openai", "model": "m", "extra_headers": {"x-token": KEY}, "extra_request_body": {"token": KEY, "list": [KEY]}}
    config = config_of({"vlm": {**vlm, "credentials": [{"id": "a", "api_key": KEY, "api_base": f"https://h.example/v1?key={KEY}"}]}})
    parts = (config, config.vlm, config.vlm.credentials[0])
    shown = [text for one in parts for text in (repr(one), str(one), str(one.model_dump()), one.model_dump_json(), repr([one]))]
    assert not [text for text in shown if KEY in text]
