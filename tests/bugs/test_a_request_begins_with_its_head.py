"""A body in two pieces took the configuration of its end and the clock of its end, and each piece was put behind all before it."""

import contextlib
import time

import pytest
from gateway_play import Running

from real_servers import wait_until
from sparekey.lab.drill.raw_host import RawHost, connected, everything, exchanged, posted, question, response, status_of

BODY = question(user="x" * 3000)
CUT = 1000


@pytest.fixture(params=["quick", "engine"])
def place(request, tmp_path):
    """A gateway that asks one model, and its host."""
    with RawHost(lambda _: [response()]) as host:
        file = tmp_path / "sparekey.toml"
        file.write_text(configured(host, quick=request.param == "quick"))
        running = Running(file)
        exchanged(running.url, posted(BODY))  # the next one finds a connection
        yield running, host
        running.stop()


def configured(host, *, quick=True, model="one", timeout=30):
    return f"""
[gateway]
port = 0
access_log = false
body_timeout = {timeout}
quick = {str(quick).lower()}
[gateway.chat.chat]
provider = "openai"
model = "{model}"
[[gateway.chat.chat.credentials]]
api_key = "sk-a-key-of-a-host-0000"
api_base = "{host.base_url}"
"""


@contextlib.contextmanager
def begun(running):
    """Send the head of a request and the beginning of its body; continue when the gateway has them."""
    data = posted(BODY)
    with contextlib.closing(connected(running.url)) as line:
        line.sendall(data[:CUT])
        connections = running.server.server_state.connections
        wait_until(lambda: any(getattr(one, "started", None) or one.cycle for one in running.do(lambda: [*connections])))
        yield line, data[CUT:]


def last(running, count=2):
    wait_until(lambda: len(running.finished) == count)
    return running.finished[-1]


def test_its_configuration_is_that_of_its_head(place):
    """A reload while its body is coming changes nothing for it."""
    running, host = place
    with begun(running) as (line, rest):
        running.write(configured(host, model="other"))
        line.sendall(rest)
        assert status_of(everything(line)) == 200
    assert b'"model": "one"' in host.requests[-1]
    assert status_of(exchanged(running.url, posted(BODY))) == 200
    assert b'"model": "other"' in host.requests[-1]


def test_its_time_counts_from_its_head(place):
    """Also what it waits for its body."""
    running, _ = place
    with begun(running) as (line, rest):
        time.sleep(0.05)
        line.sendall(rest)
        assert status_of(everything(line)) == 200
    assert last(running).seconds > 0.05


def test_a_gateway_that_stops_serves_what_has_begun(place):
    """It refuses the next one."""
    running, _ = place
    with begun(running) as (line, rest):
        running.gateway.draining = True
        line.sendall(rest)
        assert status_of(everything(line)) == 200
    assert status_of(exchanged(running.url, posted(BODY))) == 503


def test_a_body_that_does_not_come_is_told_of_as_it_was_answered(place):
    """As 408; the client that leaves in its midst as 499."""
    running, host = place
    with begun(running) as (line, _):
        line.close()
        found = last(running)
    assert (found.status, found.left) == (499, True)
    running.write(configured(host, timeout=0.05, quick=running.gateway.state.config.quick))
    answer = exchanged(running.url, posted(BODY)[:CUT])  # the reload has changed the limit
    found = last(running, 3)
    assert (status_of(answer), found.status, found.left) == (408, 408, False)


def test_a_body_in_small_pieces_is_looked_at_twice(place):
    """Once when its head is there and once when all of it is: the bytes that are gone through are those that came."""
    running, _ = place
    if (quick := running.gateway.quick) is None:
        return
    seen, begin = [], quick.begin
    quick.begin = lambda client, data: seen.append(len(data)) or begin(client, data)
    data = posted(BODY)
    with contextlib.closing(connected(running.url)) as line:
        line.sendall(data[:CUT])
        for at in range(CUT, len(data), 7):
            wait_until(lambda: seen)
            line.sendall(data[at : at + 7])
        everything(line)
    assert seen == [CUT, len(data)]
