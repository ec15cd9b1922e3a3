"""pyreqwest's exception for every timeout, as the cause of a read timeout, made it look as if no connection had come about."""

from sparekey.classify import classify


def test_a_read_timeout_reached_its_host():
    """Who waited for an answer had a host that was reached, whatever the exception was raised from."""
    read = type("ReadTimeout", (Exception,), {"__module__": "httpx2"})("")
    read.__cause__ = type("ConnectTimeoutError", (Exception,), {"__module__": "pyreqwest"})("timed out")
    failure = classify(read)
    assert (failure.timed_out, failure.unreached) == (True, False)
    assert classify(read.__cause__).unreached
