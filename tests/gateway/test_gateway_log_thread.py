"""The log's own thread: nobody waits for it, nothing is lost without being told, and the end writes what is left."""

import io
import json
import logging
import os
import time

import pytest

pytest.importorskip("msgspec", reason="the extra `gateway` is not installed")

from sparekey.gateway.api.request_handler import Finished
from sparekey.gateway.observe.access_log import AccessLog, as_dict
from sparekey.gateway.observe.log_thread import LogHandler, Writer, logging_through


@pytest.fixture
def pipe():
    """A pipe whose reader may take its time."""
    read, write = os.pipe()
    with os.fdopen(read, "rb", buffering=0) as reader, os.fdopen(write, "w") as writer:
        yield reader, writer


def drained(reader, enough):
    got = b""
    while not enough(got) and (piece := reader.read(65536)):
        got += piece
    return got.decode().splitlines()


def test_lines_come_out_in_order_and_whole(pipe):
    """What was put is written at the end of it at the latest, each line for itself."""
    reader, stream = pipe
    writer = Writer(stream)
    lines = [f"{i} {'x' * (i % 300)}" for i in range(200)]
    for line in lines:
        writer.put(line)
    writer.close()
    assert drained(reader, lambda got: got.count(b"\n") == 200) == lines


def test_nobody_waits_for_a_pipe_that_is_full(pipe):
    """Lines beyond the bound are dropped and counted; once the pipe flows again one line says how many."""
    reader, stream = pipe
    told = []
    writer = Writer(stream, most=100)
    writer.on_drop = told.append
    for _ in range(4):
        for i in range(1000):
            writer.put(f"{i} " + "x" * 200)
        time.sleep(0.1)  # the thread takes what it can
    assert writer.dropped > 2000
    assert sum(told) == writer.dropped

    def gaps(got):
        return [json.loads(line)["log_lines_dropped"] for line in got.splitlines() if line.startswith(b"{") and line.endswith(b"}")]

    got = drained(reader, lambda got: sum(gaps(got)) == writer.dropped)
    assert len([line for line in got if "x" in line]) + writer.dropped == 4000
    writer.close()


def test_the_end_waits_no_longer_than_it_may(pipe):
    """A pipe that stays full does not keep the process."""
    _, stream = pipe
    writer = Writer(stream)
    for _ in range(1000):
        writer.put("x" * 200)
    began = time.monotonic()
    writer.close(0.1)
    assert time.monotonic() - began < 2
    os.set_blocking(pipe[0].fileno(), False)
    while writer._thread.is_alive():  # let the thread end, for the next test's sake
        pipe[0].read(65536)


def test_a_stream_that_does_not_block_is_waited_for(pipe):
    """A descriptor that somebody has made non-blocking loses nothing."""
    reader, stream = pipe
    os.set_blocking(stream.fileno(), False)
    writer = Writer(stream)
    for i in range(1000):
        writer.put(f"{i} " + "x" * 200)
    got = drained(reader, lambda got: got.count(b"\n") == 1000)
    assert len(got) == 1000
    writer.close()


def test_a_broken_pipe_is_no_fault():
    """Where the reader has gone, lines are lost and counted, and that is all."""
    read, write = os.pipe()
    os.close(read)
    with os.fdopen(write, "w") as stream:
        writer = Writer(stream)
        writer.put("a")
        writer.close()
    assert writer.dropped >= 1


def test_records_of_logging_go_the_same_way(capfd):
    """The root logger's handler for standard error is set aside meanwhile, and comes back."""
    import sys

    root, stream = logging.getLogger(), io.StringIO()
    own = logging.StreamHandler(sys.stderr)
    root.addHandler(own)
    writer = Writer(stream)
    try:
        with logging_through(writer):
            assert own not in root.handlers
            logging.getLogger("sparekey").warning("parked %s", "a")
        assert own in root.handlers
    finally:
        root.removeHandler(own)
    writer.close()
    assert stream.getvalue() == "WARNING parked a\n"
    assert not any(isinstance(one, LogHandler) for one in root.handlers)
    assert capfd.readouterr().err == ""


def test_a_message_is_one_line():
    """A provider's words in it can neither begin a line that looks like ours nor speak to the terminal."""
    stream = io.StringIO()
    writer = Writer(stream)
    with logging_through(writer):
        logging.getLogger("sparekey").warning("it said %s", 'no\n{"at": "forged"}\r\x1b[2J')
    writer.close()
    assert stream.getvalue() == 'WARNING it said no\\x0a{"at": "forged"}\\x0d\\x1b[2J\n'


def test_what_is_dropped_is_a_metric(running):
    """Whoever watches the gateway sees that its log is not whole."""
    running.gateway.log._lost(3)
    assert b"sparekey_gateway_log_lines_dropped_total 3.0" in running.ask("GET", "/metrics")[2]


@pytest.mark.parametrize("path", ["/v1/\x1b[2J\n", "/v1/\x9b2J\u2028", "/v1/\udcff"], ids=ascii)
def test_a_path_is_only_a_path(path):
    """What a client puts into it is neither a line nor an order to the terminal, and cannot make the log fail."""
    stream = io.StringIO()
    writer = Writer(stream)
    AccessLog(writer)(Finished("r", method="GET", path=path))
    writer.close()
    assert stream.getvalue().isascii()
    assert stream.getvalue().count("\n") == 1
    assert json.loads(stream.getvalue())["path"] == path


def test_the_page_lists_every_field():
    """docs/gateway.md has a row for each field of a line and of an attempt, and none for another."""
    import re
    from pathlib import Path

    from sparekey import Attempt, Failure, Outcome, Usage
    from sparekey.types import ErrorClass, Scope

    failed = Attempt("a", Outcome.FAILED, Failure(ErrorClass.TRANSIENT, "timeout", Scope.ENDPOINT, None, 504, ""), 1.0, 0.5, None, True, 2)
    usage = Usage(prompt_tokens=5, completion_tokens=4, cached_tokens=3, reasoning_tokens=2)
    line = as_dict(Finished("r", "c", "chat", "POST", "/v1", 200, True, (failed,), "a", 1.0, 0.1, usage, True, 0.5))
    page = (Path(__file__).parents[2] / "docs" / "gateway.md").read_text()
    requests, attempts = (
        page.partition(f"| {head} | says |\n|---|---|\n")[2].partition("\n\n")[0] for head in ("field", "field of an attempt")
    )
    listed = [[name for row in table.splitlines() for name in re.findall(r"`(\w+)`", row.split("|")[1])] for table in (requests, attempts)]
    assert listed == [list(line), list(line["attempts"][0])]
    assert set(line["tokens"]) == {"prompt", "completion", "cached", "reasoning"}
