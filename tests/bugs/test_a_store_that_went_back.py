"""A replica was promoted that had not heard of the last park: every process took its older state over, and asked the dead key again."""

from __future__ import annotations

from sparekey.engine import Chain, Failover
from sparekey.stores import Keeper
from sparekey.stores.memory import MemoryValues
from sparekey.types import Credential, ErrorClass, Evidence, Failure, Scope

DEAD = Failure(ErrorClass.AUTH, "invalid_key", Scope.CREDENTIAL, evidence=Evidence.CERTAIN)


class DeadError(Exception):
    """What a dead key raises."""


def ask(chain, *dead):
    """Who serves, and who was asked before."""
    asked = []

    def attempt(credential):
        asked.append(credential.id)
        if credential.id in dead:
            raise DeadError
        return credential.id

    Failover(chain).call(attempt)
    return asked


def test_a_park_that_was_not_replicated_is_written_again():
    """By whoever knows it, though another process parked the key and is gone: nobody asks the dead key a second time."""
    values = MemoryValues()

    def keeper():
        return Keeper(values, poll=3600.0, patience=10.0)

    def chain(store):
        return Chain([Credential(f"k{i}") for i in range(4)], classify=lambda _: DEAD, store=store, name="chat")

    with keeper() as here, keeper() as late:
        with keeper() as gone:
            one, other = chain(here), chain(gone)
            assert ask(other, "k0") == ["k0", "k1"]
            before = values.read(["chat"])["chat"]
            assert ask(other, "k1") == ["k1", "k2"]
        here._poll()
        assert one.active_id == "k2"
        assert values.compare_and_set("chat", values.read(["chat"])["chat"], before)
        here._poll()
        assert ask(one) == ["k2"]
        settled = values.read(["chat"])["chat"]
        here._poll()
        assert values.read(["chat"])["chat"] == settled, "nobody writes without end"
        assert ask(chain(late)) == ["k2"]
