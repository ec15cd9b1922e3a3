"""What structlog writes, read back as JSON."""

import io
import json
import logging

import pytest
import structlog
from telemetry_kit import CREDENTIALS, KEY, RATE, STATE, USAGE, Told

from sparekey import Chain, Failover, Failure, Outcome
from sparekey.telemetry import StructlogHook
from sparekey.types import ErrorClass, Scope


class Log:
    """A real structlog logger that writes JSON."""

    def __init__(self):
        self.file = io.StringIO()
        processors = [structlog.processors.add_log_level, structlog.processors.JSONRenderer()]
        self.logger = structlog.wrap_logger(structlog.PrintLogger(self.file), processors=processors)

    @property
    def lines(self):
        return [json.loads(line) for line in self.file.getvalue().splitlines()]


@pytest.fixture
def log():
    return Log()


def test_every_event_is_one_line(log):
    """In order, each with its level."""
    Told(StructlogHook("chat", logger=log.logger)).whole()
    assert [(line["level"], line["event"]) for line in log.lines] == [
        ("debug", "attempt started"),
        ("warning", "attempt failed"),
        ("debug", "attempt started"),
        ("debug", "content started"),
        ("info", "attempt succeeded"),
        ("debug", "attempt started"),
        ("info", "attempt abandoned"),
        ("warning", "parked"),
        ("warning", "failover"),
        ("info", "probed"),
        ("info", "recovered"),
        ("info", "failback"),
        ("error", "exhausted"),
    ]
    assert {line["chain"] for line in log.lines} == {"chat"}


def test_a_failed_attempt_says_why(log):
    """All that the ledger knows, and the provider's words without keys."""
    Told(StructlogHook(logger=log.logger)).end(call=4, failure=RATE)
    assert log.lines == [
        {
            "event": "attempt failed",
            "level": "warning",
            "credential": "one",
            "call": 4,
            "attempt": 1,
            "error_class": "transient",
            "reason": "rate_limited",
            "status": 429,
            "retry_after": 3.0,
            "message": "slow down, ***, ***",
            "duration": 1.5,
        }
    ]


def test_a_success_says_what_it_cost(log):
    """Durations and tokens; what is not known is left out."""
    Told(StructlogHook(logger=log.logger)).end("two", 2, usage=USAGE, first_content=0.3).end(outcome=Outcome.ABANDONED)
    costs = ("duration", "first_content", "prompt_tokens", "completion_tokens", "probe")
    assert [{name: line[name] for name in costs if name in line} for line in log.lines] == [
        {"duration": 1.5, "first_content": 0.3, "prompt_tokens": 100, "completion_tokens": 20},
        {"duration": 1.5},
    ]


def test_what_happens_to_the_chain_is_told(log):
    """Who, what, how long, and why."""
    Told(StructlogHook(logger=log.logger)).tell(*STATE[:2])
    assert [{name: value for name, value in line.items() if name not in {"event", "level"}} for line in log.lines] == [
        {"what": "account:team", "seconds": 600.0, "error_class": "quota_exceeded", "reason": "insufficient_balance"},
        {"old": "one", "new": "two"},
    ]


def test_an_exhausted_chain_names_every_credential(log):
    """With its class; the exceptions' own texts stay out."""
    Told(StructlogHook(logger=log.logger)).whole()
    last = log.lines[-1]
    assert (last["event"], last["call"], last["retry_after"], last["failures"]) == ("exhausted", 3, 12.0, {"one": "auth"})
    assert KEY not in log.file.getvalue()
    assert "hidden" not in log.file.getvalue()


def test_the_default_logger_is_structlogs(capsys):
    """As it is configured by the program."""
    Told(StructlogHook("chat")).tell(STATE[1])
    assert "failover" in capsys.readouterr().out


@pytest.mark.parametrize("hooked", [True, False])
def test_nothing_is_logged_twice(log, caplog, hooked):
    """The chain writes its own lines in the standard log only if no hook writes them."""
    dead = Failure(ErrorClass.AUTH, "invalid_key", Scope.CREDENTIAL)
    chain = Chain(CREDENTIALS, classify=lambda _: dead, hooks=[StructlogHook(logger=log.logger)] if hooked else [print])

    def attempt(credential):
        if credential.id == "one":
            raise RuntimeError
        return "answer"

    with caplog.at_level(logging.INFO, "sparekey"):
        Failover(chain).call(attempt)
    told = sorted(line["event"] for line in log.lines if not line["event"].startswith("attempt"))
    assert (told, bool(caplog.records)) == ((["failover", "parked"], False) if hooked else ([], True))
