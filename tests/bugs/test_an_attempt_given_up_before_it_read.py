"""An attempt was given up before it had said how to wake it, and its thread stayed in a read for as long as the host was silent."""

import threading

from sparekey import Chain, Credential, Failover, Policy
from sparekey.engine.closing import on_abandon


def test_it_is_woken_at_once():
    """What an attempt adds after it was given up is called then."""
    late, woken = threading.Event(), threading.Event()

    def ask(credential):
        if credential.id == "k0":
            late.wait(30)
            on_abandon(woken.set)
        return credential.id

    chain = Chain([Credential("k0"), Credential("k1")], Policy(attempt_limit=0.05))
    assert Failover(chain).run(ask).value == "k1"
    late.set()
    assert woken.wait(30)
