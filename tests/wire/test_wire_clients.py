"""SDK clients are made once where they may be shared, and closed where they live."""

import asyncio
import gc
import threading
import weakref
from concurrent.futures import ThreadPoolExecutor
from types import SimpleNamespace

import pytest

from sparekey.wire.clients import Clients, Gate, Held, certificates, end, end_async, http_client


class Client:
    """Counts how often it was closed, and in which event loop."""

    def __init__(self):
        self.closed_in = []

    def close(self):
        self.closed_in.append(None)

    async def aclose(self):
        self.closed_in.append(asyncio.get_running_loop())


def clients(**options):
    """Return clients of this make."""
    return Clients(Client, Client, Client.close, Client.aclose, **options)


async def of_this_loop(made):
    """Return the running loop's client."""
    return made.asynchronous


def test_threads_share_one_client_or_have_one_each():
    """Most SDKs' clients are thread-safe; one that is not is made for each thread."""
    for per_thread, expected in ((False, 1), (True, 2)):
        made, seen = clients(per_thread=per_thread), []
        seen.append(made.sync)
        thread = threading.Thread(target=lambda made=made, seen=seen: seen.append(made.sync))
        thread.start()
        thread.join()
        assert len(set(map(id, seen))) == expected
        assert made.sync is seen[0]


def test_each_loop_has_its_client():
    """A connection belongs to its loop."""
    made = clients()
    with asyncio.Runner() as one, asyncio.Runner() as two:
        first, second = one.run(of_this_loop(made)), two.run(of_this_loop(made))
        assert first is not second
        assert one.run(of_this_loop(made)) is first


def test_closing_reaches_idle_loops():
    """A loop that is not running is run for as long as closing takes; then new clients are made."""
    made = clients()
    with asyncio.Runner() as runner:
        client, sync = runner.run(of_this_loop(made)), made.sync
        made.close()
        assert client.closed_in == [runner.get_loop()]
        assert sync.closed_in == [None]
        assert made.sync is not sync


def test_closing_reaches_the_running_loop_of_another_thread():
    """The client is closed in its own loop, not in the thread that closes."""
    made, ready, done = clients(), threading.Event(), threading.Event()
    seen = []

    async def serve():
        seen.append((made.asynchronous, asyncio.get_running_loop()))
        ready.set()
        await asyncio.to_thread(done.wait)

    thread = threading.Thread(target=lambda: asyncio.run(serve()))
    thread.start()
    ready.wait()
    made.close()
    done.set()
    thread.join()
    client, loop = seen[0]
    assert client.closed_in == [loop]


def test_closing_inside_the_own_loop_happens_soon():
    """`close` cannot wait for its own loop, so it leaves a task behind; `aclose` waits."""
    made = clients()

    async def close_both_ways():
        first = made.asynchronous
        made.close()
        await asyncio.sleep(0)
        second = made.asynchronous
        await made.aclose()
        return first.closed_in, second.closed_in, [asyncio.get_running_loop()]

    first, second, expected = asyncio.run(close_both_ways())
    assert first == second == expected


def test_aclose_closes_the_clients_of_other_loops():
    """An idle loop's client is closed from a thread, a closed loop's client is let go."""
    made, idle = clients(), asyncio.Runner()
    client = idle.run(of_this_loop(made))
    gone = asyncio.run(of_this_loop(made))
    asyncio.run(made.aclose())
    assert client.closed_in == [idle.get_loop()]
    assert gone.closed_in == []
    idle.close()


def test_a_loop_that_cannot_be_run_here_is_let_go():
    """Inside one running loop another idle one cannot be run by the same thread: its client goes with it."""
    made, idle = clients(), asyncio.Runner()
    client = idle.run(of_this_loop(made))

    async def close():
        made.close()

    asyncio.run(close())
    assert client.closed_in == []
    idle.close()


@pytest.mark.parametrize("limit", [1, 3])
def test_a_gate_lets_so_many_through(limit):
    """Threads and the tasks of a loop are held to the limit; without a limit nobody waits."""
    gate, inside, most = Gate(limit), [], []

    def work():
        with gate:
            inside.append(1)
            most.append(len(inside))
            inside.pop()

    async def task():
        async with gate:
            inside.append(1)
            most.append(len(inside))
            await asyncio.sleep(0)
            inside.pop()

    async def tasks():
        await asyncio.gather(*(task() for _ in range(9)))

    with ThreadPoolExecutor(9) as pool:
        [f.result() for f in [pool.submit(work) for _ in range(9)]]
    assert max(most) <= limit
    most.clear()
    asyncio.run(tasks())
    assert max(most) == limit


def test_an_open_gate_holds_nobody():
    """No limit, no waiting, in threads and in loops."""
    gate = Gate(None)

    async def nested():
        async with gate, gate:
            return True

    with gate, gate:
        assert asyncio.run(nested())


def test_clients_of_closed_loops_are_let_go():
    """A client refers to its loop, so a program that opens many loops would pile both up."""
    made, gate = clients(), Gate(1)

    async def used():
        async with gate:
            client = made.asynchronous
            client.loop = asyncio.get_running_loop()  # as connections do
            return weakref.ref(client)

    first = asyncio.run(used())
    second = asyncio.run(used())
    gc.collect()
    assert first() is None
    assert second() is not None


@pytest.mark.parametrize("name", ["close", "aclose", "none"])
def test_things_are_closed_by_the_name_they_know(name):
    """SDKs call it `close` or `aclose`, make it awaitable or not, or have nothing to close."""
    thing = SimpleNamespace()
    called = []
    if name != "none":
        setattr(thing, name, lambda: called.append(name))
    asyncio.run(end_async(thing))
    end(thing)
    assert called == {"close": ["close", "close"], "aclose": ["aclose"], "none": []}[name]


def test_a_held_client_closes_the_http_client():
    """The SDK would leave it open."""
    http = Client()
    held = Held("sdk", http)
    end(held)
    asyncio.run(end_async(held))
    assert held.sdk == "sdk"
    assert len(http.closed_in) == 2


@pytest.mark.parametrize("library", ["httpx", "httpx2"])
def test_http_clients_follow_no_redirect_and_read_certificates_once(library):
    """Both kinds of a library share what they trust; a key goes to no other host."""
    module = pytest.importorskip(library)

    class Own(module.Client):
        """As SDKs make one."""

    with http_client(Own, 3.0) as client:
        assert (client.follow_redirects, client.timeout.read) == (False, 3.0)
    assert certificates(Own) is certificates(module.AsyncClient)
