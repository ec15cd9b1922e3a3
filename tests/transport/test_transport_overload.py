"""An SDK on a transport whose chain has no room: a 503 that it may repeat, of every kind of transport alike."""

import pytest
from transport_modes import MODES, asking

from sparekey import Chain, Credential, Policy, Secret
from sparekey.lab.simulator import Simulator, faults


@pytest.fixture(autouse=True)
def no_certificates_of_this_machine(monkeypatch):
    """Pyreqwest has a store of its own."""
    for name in ("SSL_CERT_FILE", "SSL_CERT_DIR"):
        monkeypatch.delenv(name, raising=False)


@pytest.mark.parametrize("mode", MODES)
def test_no_room_is_a_503_that_may_be_repeated(mode):
    """Those that run are served; the others learn at once when to come again, and no provider is asked for them."""
    with Simulator() as simulator:
        slow = simulator.provider("slow")
        slow.fail(faults.slow(before=0.5))
        one = Credential("a", "openai", "m", endpoint=slow.base_url, api_key=Secret("sk-test-0123456789abcdef"))
        chain = Chain([one], Policy(max_concurrency=2, queue_size=0, answer_limit=None))
        with asking(mode, chain) as ask:
            found = ask(8)
        assert sorted({answer.status_code for answer in found}) == [200, 503]
        assert len(slow.requests) == sum(answer.status_code == 200 for answer in found)
        refused = next(answer for answer in found if answer.status_code == 503)
        assert (refused.headers["retry-after"], refused.headers["x-should-retry"]) == ("5", "true")
        assert refused.json()["error"]["code"] == "overloaded"
