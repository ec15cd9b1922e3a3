"""Fuzz the classifier with atheris: bodies, headers, and exceptions whose attributes and text fail.

`make fuzz` runs it for three minutes, `python tools/fuzz_classify.py -max_total_time=30` for any
time. Whatever comes in, the answer is a sound `Failure` within a bounded time, and shows no key.
"""

import sys
import time

import atheris

with atheris.instrument_imports(include=["sparekey.classify", "sparekey.masking"]):
    from sparekey.classify import classify, classify_response
    from sparekey.types import ErrorClass, Evidence, Failure, Scope

KEY = "sk-fuzz0123456789abcdef"
NAMES = ["status_code", "code", "status", "type", "body", "response", "headers", "message", "details", "reason", "error", "errors"]
HEADERS = ["retry-after", "retry-after-ms", "x-ratelimit-reset-tokens", "x-ratelimit-remaining-tokens", "content-type", "ratelimit-reset"]
SLOWEST = 0.5
"""Seconds: a thousand times the cost of one error, so that a busy machine is no finding."""


class Hostile(Exception):  # noqa: N818 - what it is says more
    """An exception whose text and attributes cannot be read."""

    def __str__(self):
        raise RuntimeError("no text")

    def __getattr__(self, name):
        raise OSError(name)


class Mumbling(Exception):  # noqa: N818 - as above
    """An exception whose `__str__` returns no string."""

    def __str__(self):
        return 5  # noqa: PLE0307 - the point of it


def check(failure):
    """Raise unless `failure` keeps the promises of the classifier."""
    assert isinstance(failure, Failure)
    assert isinstance(failure.error_class, ErrorClass)
    assert isinstance(failure.scope, Scope)
    assert isinstance(failure.evidence, Evidence)
    assert failure.reason != "unreadable", failure
    assert failure.retry_after is None or 0 <= failure.retry_after <= 366 * 86400
    assert len(failure.message) <= 300
    assert len(failure.fingerprint) <= 120
    assert KEY not in failure.message


def value(data, depth=0):
    """Return any value that an attribute may hold."""
    kind = data.ConsumeIntInRange(0, 8)
    if kind == 0:
        return data.ConsumeInt(4)
    if kind == 1:
        return data.ConsumeUnicode(60)
    if kind == 2:
        return data.ConsumeBytes(60)
    if kind == 3 and depth < 3:
        return {data.PickValueInList(NAMES): value(data, depth + 1) for _ in range(data.ConsumeIntInRange(0, 3))}
    if kind == 4 and depth < 3:
        return [value(data, depth + 1) for _ in range(data.ConsumeIntInRange(0, 3))]
    return (None, data.ConsumeFloat(), data.ConsumeBool(), object())[kind % 4]


def exception(data, depth=0):
    """Return an exception with any text, attributes and causes."""
    kind = data.PickValueInList([Exception, RuntimeError, OSError, Hostile, Mumbling, UnicodeDecodeError, ExceptionGroup])
    if kind is UnicodeDecodeError:
        exc = UnicodeDecodeError("utf-8", data.ConsumeBytes(8), 0, 1, data.ConsumeUnicode(20))
    elif kind is ExceptionGroup:
        exc = ExceptionGroup("several", [Hostile(), ValueError(data.ConsumeUnicode(50))])
    else:
        exc = kind(data.ConsumeUnicode(200)) if data.ConsumeBool() else kind(data.ConsumeInt(2), data.ConsumeUnicode(200))
    for _ in range(data.ConsumeIntInRange(0, 3)):
        exc.__dict__[data.PickValueInList(NAMES)] = value(data)
    if depth < 3 and data.ConsumeBool():
        exc.__cause__ = exception(data, depth + 1)
    return exc


def one(raw):
    """Read one input in one of three ways."""
    data = atheris.FuzzedDataProvider(raw)
    way, start = data.ConsumeIntInRange(0, 2), time.process_time()
    if way == 0:
        check(classify(exception(data)))
    else:
        headers = {data.PickValueInList(HEADERS): data.ConsumeUnicode(20) for _ in range(data.ConsumeIntInRange(0, 3))}
        body = data.ConsumeBytes(sys.maxsize)
        keyed = b" Incorrect API key: " + KEY.encode() if way > 1 else b""
        check(classify_response(data.ConsumeIntInRange(100, 599), headers, body + keyed))
    assert time.process_time() - start < SLOWEST, "too slow"


if __name__ == "__main__":
    atheris.Setup(sys.argv, one)
    atheris.Fuzz()
