"""A view of a chain with another reader of failures shares its state, whatever becomes of the original object (Python 3.13 cleared it)."""

import gc

from sparekey import Chain, Credential, Failover, Failure, Scope
from sparekey.types import ErrorClass


def test_the_state_is_shared_and_stays():
    """What the view parks the original sees, and the view outlives the original."""
    chain = Chain([Credential("a"), Credential("b")])
    view = chain.reading(lambda _: Failure(ErrorClass.AUTH, "invalid_key", Scope.CREDENTIAL))
    seen = []
    chain.add_hook(seen.append)

    def attempt(credential):
        if credential.id == "a":
            raise RuntimeError
        return credential.id

    assert Failover(view).call(attempt) == "b"
    assert (chain.active_id, bool(seen)) == ("b", True)
    del chain
    gc.collect()
    assert view.active_id == "b"
