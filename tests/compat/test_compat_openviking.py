"""sparekey's wrappers in the place of OpenViking's own; the real package plays in `make openviking`, here stands its outline."""

import sys
from abc import ABC
from enum import Enum
from types import ModuleType

import pytest

from sparekey.classify.kinds import ModelErrorKind, kind_of
from sparekey.compat import openviking
from sparekey.engine.annotate import annotate
from sparekey.errors import AllCredentialsFailedError, DeadlineExceeded


class Kind(str, Enum):  # noqa: UP042 - as OpenViking's is
    """OpenViking's kinds, by name and value."""

    QUOTA_EXHAUSTED = "quota_exhausted"
    RATE_LIMIT_ERROR = "rate_limit_error"
    TRANSIENT_NETWORK_ERROR = "transient_network_error"
    TRANSIENT_SERVICE_ERROR = "transient_service_error"


class VikingAllFailedError(Exception):
    """OpenViking's error for an exhausted chain."""

    def __init__(self, errors):
        self.errors = [(i, kind, exc, index) for i, kind, exc, index in errors]
        super().__init__("All credentials failed")


class RefusedError(Exception):
    """A provider's refusal."""

    status_code = 429

    def __init__(self):
        self.body = {"error": {"code": "insufficient_quota", "message": "You exceeded your current quota"}}
        super().__init__("refused")


class Instance:
    """An instance of OpenViking's, with a tracker of its own."""

    provider, model, api_base, max_tokens = "openai", "m", None, None

    def __init__(self, answer):
        self.answer, self._token_tracker = answer, object()

    def get_completion(self, prompt="", **_):
        if isinstance(self.answer, Exception):
            raise self.answer
        return self.answer

    def close(self):
        pass


@pytest.fixture
def viking(monkeypatch):
    """Put the outline of OpenViking's modules in place, and take the wrappers out again."""
    made = {}
    for name in ("openviking", "openviking.models", "openviking.utils"):
        made[name] = ModuleType(name)
    for places in openviking._PLACES.values():
        for place in places:
            made.setdefault(place, ModuleType(place))
    base, embedder = made["openviking.models.vlm.base"], made["openviking.models.embedder.base"]
    base.VLMBase = type("VLMBase", (ABC,), {})
    embedder.EmbedderBase = type("EmbedderBase", (ABC,), {})
    for name, places in openviking._PLACES.items():
        own = type(name, (), {})
        for place in places:
            setattr(made[place], name, own)
    made["openviking.utils.exceptions"] = ModuleType("openviking.utils.exceptions")
    made["openviking.utils.exceptions"].AllCredentialsFailedError = VikingAllFailedError
    made["openviking.models.model_error"] = ModuleType("openviking.models.model_error")
    made["openviking.models.model_error"].ModelErrorKind = Kind
    for name, module in made.items():
        monkeypatch.setitem(sys.modules, name, module)
    yield made
    openviking.uninstall()


def test_one_line_puts_the_wrappers_in(viking):
    """Wherever OpenViking takes them from; a second call changes nothing, and they can be taken out again."""
    models = viking["openviking.models.vlm"]
    own = models.MultiCredentialVLM
    openviking.install()
    openviking.install()
    made = models.MultiCredentialVLM
    assert made is viking["openviking.models.vlm.base"].MultiCredentialVLM is not own
    wrapper = made([Instance("yes"), Instance("no")], ["a", "b"])
    assert isinstance(wrapper, viking["openviking.models.vlm.base"].VLMBase)
    assert wrapper.get_completion(prompt="hi") == "yes"
    assert openviking.is_installed()
    openviking.uninstall()
    assert models.MultiCredentialVLM is own
    assert not openviking.is_installed()


def test_a_dead_key_moves_on_and_an_exhausted_chain_is_openvikings_too(viking):
    """Its own error, with its own kinds: what its server and its queues look for."""
    openviking.install()
    made = viking["openviking.models.vlm"].MultiCredentialVLM
    assert made([Instance(RefusedError()), Instance("spare")], ["a", "b"]).get_completion() == "spare"
    with pytest.raises(VikingAllFailedError) as caught:
        made([Instance(RefusedError()), Instance(RefusedError())], ["a", "b"]).get_completion()
    assert isinstance(caught.value, AllCredentialsFailedError)
    assert caught.value.kind is Kind.QUOTA_EXHAUSTED
    assert [(i, index) for i, _, _, index in caught.value.errors] == [("a", 0), ("b", 1)]


def test_openvikings_tracker_is_bound_to_every_instance(viking):
    """It binds one by attributes: the wrapper has the names that it looks for."""
    openviking.install()
    wrapper = viking["openviking.models.vlm"].MultiCredentialVLM([Instance("a"), Instance("b")], ["a", "b"])
    mine = object()
    wrapper.bind_token_tracker(mine)
    assert [one._token_tracker for one in wrapper._vlm_instances] == [mine, mine]


def test_without_openviking_it_says_so(monkeypatch):
    """And changes nothing."""
    monkeypatch.setitem(sys.modules, "openviking", None)
    with pytest.raises(ImportError, match="pip install openviking"):
        openviking.install()
    assert not openviking.is_installed()


def test_kinds_are_openvikings():
    """On sparekey's own errors and on a provider's; members of both enumerations are equal and found in each other's sets."""
    assert kind_of(RefusedError()) == Kind.QUOTA_EXHAUSTED
    assert ModelErrorKind.QUOTA_EXHAUSTED in {Kind.QUOTA_EXHAUSTED, Kind.RATE_LIMIT_ERROR}
    assert DeadlineExceeded("late").kind is ModelErrorKind.TRANSIENT_NETWORK_ERROR
    error = AllCredentialsFailedError([("a", "quota_exceeded", RefusedError(), 0), ("b", "transient", TimeoutError("late"), 1)])
    assert error.kind is ModelErrorKind.TRANSIENT_NETWORK_ERROR
    refused = RefusedError()
    annotate(refused, "a", None)
    assert refused.kind is ModelErrorKind.QUOTA_EXHAUSTED
