"""The steps on the socket that make up an answer with a fault in it.

The module is pure: it takes a fault and a healthy answer and yields steps, so that it is easy to
test.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, assert_never

from sparekey.lab.simulator import faults
from sparekey.lab.simulator.wires.base import Frame, Mark, ProviderReply

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from sparekey.lab.simulator.wires.base import Headers, RequestedAnswer, Wire


@dataclass(frozen=True, slots=True)
class Head:
    """Send status and headers."""

    status: int
    headers: Headers


@dataclass(frozen=True, slots=True)
class Data:
    """Send a part of the body."""

    data: bytes


@dataclass(frozen=True, slots=True)
class Idle:
    """Wait for `seconds`."""

    seconds: float


@dataclass(frozen=True, slots=True)
class End:
    """The answer is complete; the connection may serve another request."""


@dataclass(frozen=True, slots=True)
class Drop:
    """Close the connection; `hard`: with a TCP reset."""

    hard: bool


Step = Head | Data | Idle | End | Drop


def play(fault: faults.Fault | None, reply: ProviderReply, wire: Wire, ask: RequestedAnswer) -> Iterator[Step]:  # noqa: C901, PLR0911 - one line a fault
    """Yield the steps of `reply` with `fault` in it; None: the healthy answer."""
    match fault:
        case None | faults.NoPrefill() | faults.WrongLength():
            return whole(reply)
        case faults.Refusal():
            return whole(wire.refuse(fault, ask))
        case faults.Hangup(hard=hard):
            return iter((Drop(hard),))
        case faults.Silence(seconds=seconds):
            return iter((Idle(seconds), Drop(hard=False)))
        case faults.RawBody():
            return raw(fault)
        case faults.Delay():
            return late(fault, reply)
        case faults.Cut():
            return cut(fault, reply)
        case faults.KeepAlive():
            return alive(fault, reply, wire, ask)
        case faults.Dribble():
            return dribble(fault, reply)
        case faults.ErrorInside():
            return whole(error_inside(fault, reply, wire, ask))
        case faults.BrokenEvent() | faults.Missing() | faults.Truncated():
            return whole(spoil(fault, reply))
        case _:
            assert_never(fault)


def spoil(fault: faults.BrokenEvent | faults.Missing | faults.Truncated, reply: ProviderReply) -> ProviderReply:
    """Return the reply with the fault in its content; the transfer itself looks healthy."""
    match fault:
        case faults.BrokenEvent(at=at, data=data):
            return broken(reply, at, data)
        case faults.Missing(what=what):
            return without(reply, what)
        case faults.Truncated(keep=keep):
            return truncated(reply, keep)
        case _:
            assert_never(fault)


def head(reply: ProviderReply) -> Head:
    """Return the head; a body that is no stream has its length stated."""
    return Head(reply.status, reply.headers if reply.frames else (*reply.headers, ("content-length", str(len(reply.body)))))


def parts(reply: ProviderReply) -> tuple[Frame, ...]:
    """Return the frames; a body that is no stream counts as two tokens, one for each half."""
    middle = len(reply.body) // 2
    return reply.frames or (Frame(Mark.TOKEN, reply.body[:middle]), Frame(Mark.TOKEN, reply.body[middle:]))


def send(frames: Iterable[Frame]) -> Iterator[Step]:
    """Send frames one by one."""
    return (Data(frame.data) for frame in frames)


def whole(reply: ProviderReply) -> Iterator[Step]:
    """Send the reply as it is."""
    yield head(reply)
    yield from send(reply.frames or (Frame(Mark.TOKEN, reply.body),))
    yield End()


def late(fault: faults.Delay, reply: ProviderReply) -> Iterator[Step]:
    """Send a healthy answer slowly."""
    if fault.before:
        yield Idle(fault.before)
    yield head(reply)
    if fault.first:
        yield Idle(fault.first)
    for frame in parts(reply):
        if fault.each and frame.mark is Mark.TOKEN:
            yield Idle(fault.each)
        yield Data(frame.data)
    yield End()


def raw(fault: faults.RawBody) -> Iterator[Step]:
    """Send a body as it is."""
    if fault.before:
        yield Idle(fault.before)
    yield from whole(ProviderReply(fault.status, (("content-type", fault.content_type), *fault.headers.items()), fault.body))


def until(frames: Iterable[Frame], tokens: int) -> Iterator[Frame]:
    """Yield the frames up to and including token number `tokens`."""
    sent = 0
    for frame in frames:
        if sent == tokens and frame.mark is not Mark.OPEN:
            return
        sent += frame.mark is Mark.TOKEN
        yield frame


def cut(fault: faults.Cut, reply: ProviderReply) -> Iterator[Step]:
    """Send the beginning, pause, and end as the fault says."""
    yield head(reply)
    yield from send(until(reply.frames, fault.after) if reply.frames else parts(reply)[:1])
    if fault.silent:
        yield Idle(fault.silent)
    if fault.how == "done":
        yield from send(frame for frame in reply.frames if frame.mark is Mark.DONE)
    # HTTP would notice a missing part of a body with a stated length, so `end` states no length
    yield End() if fault.how in {"end", "done"} and reply.frames else Drop(hard=fault.how == "reset")


def alive(fault: faults.KeepAlive, reply: ProviderReply, wire: Wire, ask: RequestedAnswer) -> Iterator[Step]:
    """Send keep-alives without content, then the answer.

    White space before a body that is no stream.
    """
    sign = (wire.keepalive if fault.style == "comment" else wire.chunk(ask)) if reply.events else b" "
    yield Head(reply.status, reply.headers)
    for _ in range(math.ceil(fault.seconds / fault.every)) if math.isfinite(fault.seconds) else iter(int, 1):
        yield Data(sign)
        yield Idle(fault.every)
    yield from send(parts(reply))
    yield End()


def dribble(fault: faults.Dribble, reply: ProviderReply) -> Iterator[Step]:
    """Send the bytes of a healthy answer a few at a time."""
    yield head(reply)
    everything = b"".join(frame.data for frame in parts(reply))
    for start in range(0, len(everything), fault.size):
        yield Data(everything[start : start + fault.size])
        yield Idle(fault.every)
    yield End()


def error_inside(fault: faults.ErrorInside, reply: ProviderReply, wire: Wire, ask: RequestedAnswer) -> ProviderReply:
    """Return a reply with status 200 that holds an error."""
    if not reply.events:
        return wire.inside(fault.refusal, ask)
    before = () if fault.after == 0 else tuple(until(reply.frames, fault.after))
    return replace(reply, frames=(*before, Frame(Mark.TOKEN, wire.error_frame(fault.refusal, ask))))


def broken(reply: ProviderReply, at: int, data: str) -> ProviderReply:
    """Return the reply with a broken event number `at`; the last one if there are fewer."""
    if not reply.events:
        return replace(reply, body=data.encode(), frames=())
    index = min(at, len(reply.frames)) - 1
    first_line, _, _ = reply.frames[index].data.rpartition(b"data:")
    event = first_line + b"data: " + data.encode() + b"\n\n"
    return replace(reply, frames=(*reply.frames[:index], Frame(Mark.TOKEN, event), *reply.frames[index + 1 :]))


def without(reply: ProviderReply, what: str) -> ProviderReply:
    """Return the reply without its terminator (`done`), or without the finish reason too (`finish`).

    For `content` nothing changes here: the wire has left the content out already.
    """
    gone = {"done": {Mark.DONE}, "finish": {Mark.DONE, Mark.FINISH, Mark.USAGE}, "content": set[Mark]()}[what]
    return replace(reply, frames=tuple(frame for frame in reply.frames if frame.mark not in gone))


def truncated(reply: ProviderReply, keep: float) -> ProviderReply:
    """Return the reply with its JSON cut (in a stream: the last token's).

    The transfer itself ends properly.
    """
    if not reply.frames:
        return replace(reply, body=reply.body[: int(len(reply.body) * keep)])
    tokens = tuple(frame for frame in reply.frames if frame.mark is not Mark.DONE)
    last = tokens[-1].data
    return replace(reply, frames=(*tokens[:-1], Frame(Mark.TOKEN, last[: int(len(last) * keep)])))
