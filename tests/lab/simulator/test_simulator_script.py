"""Which fault meets which request."""

from __future__ import annotations

from sparekey.lab.simulator import faults
from sparekey.lab.simulator.script import Script, ScriptRule

A, B = faults.auth(), faults.quota()


def play(script: Script, count: int = 5, key: str = "k", model: str = "m", texts: int = 0) -> list[faults.Fault | None]:
    """Return what the next requests meet."""
    return [script.take(key, model, texts) for _ in range(count)]


def scripted(*rules: ScriptRule) -> Script:
    """Return a script with these rules."""
    script = Script()
    for rule in rules:
        script.add(rule)
    return script


def test_an_endless_fault_lasts():
    """Without a count a fault meets every request."""
    assert play(scripted(ScriptRule(A))) == [A] * 5


def test_a_counted_fault_ends():
    """With a count it ends by itself."""
    assert play(scripted(ScriptRule(A, times=2))) == [A, A, None, None, None]


def test_faults_wait_for_each_other():
    """A second fault begins where the first one ends."""
    assert play(scripted(ScriptRule(A, times=1), ScriptRule(B, times=2))) == [A, B, B, None, None]


def test_a_new_fault_replaces_an_endless_one():
    """What would hide the new fault for ever makes room for it."""
    assert play(scripted(ScriptRule(A), ScriptRule(B, times=1))) == [B, None, None, None, None]


def test_some_requests_pass_first():
    """`after` lets so many requests through."""
    assert play(scripted(ScriptRule(A, after=2))) == [None, None, A, A, A]


def test_some_texts_pass_first():
    """`after_texts` lets so many texts through, whole requests at a time."""
    assert play(scripted(ScriptRule(A, after_texts=250)), texts=100) == [None, None, A, A, A]


def test_a_fault_of_one_key_spares_the_others():
    """Only the key that is meant meets the fault."""
    script = scripted(ScriptRule(A, key="dead"))
    assert play(script, 1, key="dead") == [A]
    assert play(script, 1, key="well") == [None]


def test_a_fault_of_one_model_spares_the_others():
    """Only the model that is meant meets the fault, and a key may have two such faults at once."""
    script = scripted(ScriptRule(A, key="k", model="gone"), ScriptRule(B, key="k", model="other"))
    assert [script.take("k", model, 0) for model in ("gone", "other", "well")] == [A, B, None]


def test_a_healthy_step_of_a_sequence_counts():
    """None in a script is one healthy answer."""
    assert play(scripted(ScriptRule(None, times=1), ScriptRule(A, times=1))) == [None, A, None, None, None]
