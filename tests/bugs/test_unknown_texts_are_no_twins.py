"""Two credentials that fail alike for a reason nobody knows must not keep the request from a third one."""

import pytest

from sparekey import AllCredentialsFailedError, Credential, Failover, classify


def boom(credential):
    raise RuntimeError("boom")


def test_the_third_is_asked():
    """The same unknown text from two accounts is no proof against the request."""
    failover = Failover([Credential("a"), Credential("b"), Credential("c")])
    assert failover.call(lambda c: "ok" if c.id == "c" else boom(c)) == "ok"


def test_all_of_them_make_an_aggregate():
    """Where all three fail so, the caller gets one error with three causes."""
    with pytest.raises(AllCredentialsFailedError) as caught:
        Failover([Credential("a"), Credential("b"), Credential("c")]).call(boom)
    assert [e.credential_id for e in caught.value.errors] == ["a", "b", "c"]
    assert classify(RuntimeError("boom")).error_class == "unknown"
