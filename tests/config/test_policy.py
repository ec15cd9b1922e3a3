"""One policy, however a chain is made, and every knob of it in every configuration and for every call."""

import ast
from dataclasses import fields, replace
from enum import StrEnum
from pathlib import Path
from typing import get_args, get_type_hints

import pytest

from sparekey import Chain, ConfigError, Credential, EmbeddingConfig, Failover, Policy, Secret, VLMConfig, limits, load_config, sdk_options
from sparekey.config import knobs
from sparekey.config.knobs import Knobs
from sparekey.core.policy import KNOBS, Recovery
from sparekey.engine.limits import Limits, limited
from sparekey.gateway.api.served_chains import serve

KEY = "sk-test-0123456789abcdef"
PAIR = [{"id": "a", "api_key": KEY}, {"id": "b", "api_key": KEY + "b"}]
ENGINE = [Credential(c["id"], "openai", "m", endpoint="http://localhost:1/v1", api_key=Secret(c["api_key"])) for c in PAIR]
TYPES = get_type_hints(Policy)
DEFAULTS = {field.name: field.default for field in fields(Policy)}
OTHER = {
    name: not value
    if isinstance(value, bool)
    else Recovery.BUFFER
    if isinstance(value, StrEnum)
    else 7
    if TYPES[name] in {int, int | None}
    else 0.75
    for name, value in DEFAULTS.items()
}
"""For each knob a value that is not its default."""

CHAT = f"""
[CHAT]
provider = "openai"
model = "m"
KNOBS
[[CHAT.credentials]]
api_key = "{KEY}"
[[CHAT.credentials]]
api_key = "{KEY}b"
"""


def vlm(**knobs):
    """A configuration in code."""
    return VLMConfig(provider="openai", model="m", credentials=PAIR, **knobs)


def under_sdk(source):
    """The chain that a transport sends through, as its hooks are shown it."""

    class Hook:
        def attach(self, chain):
            self.chain = chain

    hook = Hook()
    sdk_options(source, hooks=[hook])
    return hook.chain


def written(values):
    """Knobs as a file writes them."""
    return "\n".join(
        f"{name} = {str(v).lower() if isinstance(v, bool) else repr(str(v)) if isinstance(v, str) else v}" for name, v in values.items()
    )


@pytest.fixture
def read(tmp_path):
    """What a file holds: a chat chain, an embedding chain, and both again for the gateway alone, all with the same knobs."""

    def read(**values):
        names = ("vlm", "embedding.dense", "gateway.chat.fast", "gateway.embedding.deep")
        file = tmp_path / "sparekey.toml"
        file.write_text("".join(CHAT.replace("CHAT", name).replace("KNOBS", written(values)) for name in names))
        return load_config(file)

    return read


def test_every_way_in_has_one_policy(read):
    """In code, from a file, under an SDK, in the wrappers, in the gateway."""
    config = read()
    embeddings = EmbeddingConfig(dense={"provider": "openai", "model": "m", "credentials": PAIR})
    ways = {
        "Chain": Chain(ENGINE),
        "Failover": Failover(ENGINE).chain,
        "sdk_options(credentials)": under_sdk(ENGINE),
        "sdk_options(configuration)": under_sdk(config),
        "MultiCredentialVLM": vlm().get_vlm_instance().chain,
        "FailoverEmbedder": embeddings.get_embedder().chain,
        **{f"gateway: {name}": served.chain for name, served in serve(config, None).items()},
    }
    assert {way: chain.pool.policy for way, chain in ways.items()} == dict.fromkeys(ways, Policy())
    assert {"gateway: chat", "gateway: embedding", "gateway: fast", "gateway: deep"} < ways.keys()


@pytest.mark.parametrize("name", KNOBS)
def test_every_knob_can_be_written_in_every_chain(read, name):
    """And reaches the engine's policy, alone."""
    config, wanted = read(**{name: OTHER[name]}), replace(Policy(), **{name: OTHER[name]})
    assert wanted != Policy()
    chains = (config.vlm, config.embedding.dense, config.gateway.chat["fast"], config.gateway.embedding["deep"])
    assert [chain.policy() for chain in chains] == [wanted] * 4
    assert vlm(**{name: OTHER[name]}).policy() == wanted


@pytest.mark.parametrize("name", KNOBS)
def test_every_knob_can_be_set_for_a_call(name):
    """Over whatever the chain's own policy says."""
    own = Policy(deadline=3, idle_limit=4)
    with limits(**{name: OTHER[name]}):
        assert limited(own) == replace(own, **{name: OTHER[name]})
    assert limited(own) is own


@pytest.mark.parametrize("name", [name for name, knob in KNOBS.items() if knob.off is not None])
def test_zero_is_no_limit_in_a_file(read, name):
    """A file has no None."""
    assert getattr(read(**{name: 0}).vlm.policy(), name) is None


@pytest.mark.parametrize("name", [name for name, kind in TYPES.items() if kind in {int, float, float | None}])
def test_numbers_that_no_policy_takes_are_refused(name):
    """By the file with its key, by `Policy` and `limits` alike; at the bound itself as the knob says."""
    knob = KNOBS[name]
    with pytest.raises(ConfigError, match=rf"VLMConfig: {name}: must be (at least|more than) {knob.least:g}, not {knob.least - 1:g}"):
        vlm(**{name: int(knob.least - 1)})
    for refuse in (Policy, lambda **own: limits(**own).__enter__()):
        with pytest.raises(ValueError, match=name):
            refuse(**{name: knob.least - 1})
    for wrong, said in ((True, "must be a"), ("soon", "must be a"), (float("nan"), "must be")):
        with pytest.raises(ConfigError, match=f"{name}: {said}"):
            vlm(**{name: wrong})
    if knob.above and knob.off is None:
        with pytest.raises(ConfigError, match=f"{name}: must be more than"):
            vlm(**{name: int(knob.least)})
    else:
        assert vlm(**{name: int(knob.least)}).policy() is not None


def test_words_that_do_not_exist_are_refused():
    """With those that do."""
    with pytest.raises(ConfigError, match="stream_recovery: must be 'splice', 'buffer', 'continue' or 'error'"):
        vlm(stream_recovery="glue")
    with pytest.raises(ValueError, match="stream_recovery"), limits(stream_recovery="glue"):
        pass
    with pytest.raises(TypeError, match=r"idle_limit.*; not idle_limt"), limits(idle_limt=3):
        pass


def test_type_checkers_see_the_fields_of_the_policy():
    """In `limits(...)` with its types; in a configuration without None where a file writes a number for it."""
    assert get_type_hints(Limits) == TYPES
    tree = ast.parse(Path(knobs.__file__).read_text(encoding="utf-8"))
    seen = next(node for node in ast.walk(tree) if isinstance(node, ast.ClassDef) and node.name == "Knobs")
    told = {one.target.id: ast.unparse(one.annotation) for one in seen.body if isinstance(one, ast.AnnAssign)}
    assert told == {
        name: "float"
        if KNOBS[name].off is not None
        else " | ".join("None" if t is type(None) else t.__name__ for t in get_args(kind) or (kind,))
        for name, kind in TYPES.items()
    }


def test_the_fields_of_a_configuration_are_those_of_the_policy():
    """In its order, with its defaults, and with a meaning that a file can follow."""
    assert list(Knobs.model_fields) == list(KNOBS)
    assert {name: field.default for name, field in Knobs.model_fields.items()} == DEFAULTS
    for name, field in Knobs.model_fields.items():
        assert field.description, name
        assert "None" not in field.description, name
        assert KNOBS[name].origin, name
