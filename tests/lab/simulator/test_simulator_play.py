"""What each fault does on the socket, step by step, without a socket."""

from __future__ import annotations

import json
from itertools import islice

import pytest
from simulator_talk import MAKERS

from sparekey.lab.simulator import TEXT, faults
from sparekey.lab.simulator.answers import Voice
from sparekey.lab.simulator.play import Data, Drop, End, Head, Idle, Step, play
from sparekey.lab.simulator.wires import find
from sparekey.lab.simulator.wires.base import RequestedAnswer

BODY = RequestedAnswer("chat", "m", words="hello", body={})
STREAM = RequestedAnswer("chat", "m", words="hello", stream=True, body={"stream_options": {"include_usage": True}})


def steps(fault: faults.Fault | None, ask: RequestedAnswer = STREAM, wire: str = "openai", count: int = 50_000) -> list[Step]:
    """Return the first steps of an answer with this fault."""
    spoken = find(wire)
    return list(islice(play(fault, spoken.answer(ask, Voice()), spoken, ask), count))


def sent(played: list[Step]) -> bytes:
    """Return the bytes of the body."""
    return b"".join(step.data for step in played if isinstance(step, Data))


def text(played: list[Step]) -> str:
    """Return the words of OpenAI events."""
    events = [json.loads(line[6:]) for line in sent(played).decode().splitlines() if line.startswith("data: {")]
    return "".join(choice["delta"].get("content") or "" for event in events for choice in event.get("choices", []))


def words(count: int) -> str:
    """Return the first words of the text."""
    return " ".join(TEXT.split()[:count])


def test_a_healthy_stream_has_an_event_a_word():
    """Preamble, sixty words, finish reason, usage, terminator: each a piece of its own."""
    played = steps(None)
    assert text(played) == TEXT
    assert len(played) == 1 + 1 + 60 + 3 + 1
    assert sent(played).endswith(b"data: [DONE]\n\n")


def test_usage_comes_only_on_request():
    """Without `stream_options` no event holds usage."""
    assert b'"usage"' not in sent(steps(None, RequestedAnswer("chat", "m", stream=True)))


def test_a_reset_comes_before_any_byte():
    """Nothing but the reset."""
    assert steps(faults.reset()) == [Drop(hard=True)]
    assert steps(faults.hangup()) == [Drop(hard=False)]


def test_silence_ends_without_a_byte():
    """Accepted, never answered, closed."""
    assert steps(faults.hang(120)) == [Idle(120), Drop(hard=False)]


@pytest.mark.parametrize("ask", [STREAM, BODY])
def test_a_slow_start_sends_headers_at_once(ask: RequestedAnswer):
    """Headers, then the wait, then the answer."""
    played = steps(faults.slow_start(20), ask)
    assert isinstance(played[0], Head)
    assert played[1] == Idle(20)
    assert played[-1] == End()


def test_a_slow_answer_waits_before_each_word():
    """Nothing at first, then a wait a word."""
    played = steps(faults.slow(before=3, each=0.5))
    assert played[0] == Idle(3)
    assert played.count(Idle(0.5)) == 60


@pytest.mark.parametrize(("how", "end"), [("close", Drop(hard=False)), ("reset", Drop(hard=True)), ("end", End())])
def test_a_cut_stream_has_so_many_words(how: str, end: Step):
    """Forty words, no finish reason, no terminator, and the end that was ordered."""
    played = steps(faults.cut(after=40, how=how))
    assert text(played) == words(40)
    assert b'finish_reason": "stop' not in sent(played)
    assert played[-1] == end


def test_a_stream_cut_after_its_last_word_has_no_finish():
    """All sixty words and still no finish reason."""
    played = steps(faults.cut(after=60))
    assert text(played) == TEXT
    assert b'"stop"' not in sent(played)


def test_a_cut_body_is_shorter_than_stated():
    """Half of the body under the length of the whole, then the end of the connection."""
    played = steps(faults.cut(after=0), BODY)
    stated = int(dict(played[0].headers)["content-length"])
    assert len(sent(played)) == stated // 2
    assert played[-1] == Drop(hard=False)


def test_a_stalled_stream_is_silent_before_its_end():
    """Twenty words, thirty seconds, closed."""
    played = steps(faults.stall(after=20, seconds=30))
    assert text(played) == words(20)
    assert played[-2:] == [Idle(30), Drop(hard=False)]


@pytest.mark.parametrize("wire", sorted(MAKERS))
def test_the_tenth_event_is_broken(wire: str):
    """Nine good events, one that is no JSON, and the rest."""
    good = [line for line in sent(steps(None, wire=wire)).decode().splitlines() if line.startswith("data: ")]
    played = [line for line in sent(steps(faults.broken_event(), wire=wire)).decode().splitlines() if line.startswith("data: ")]
    assert [here == there for here, there in zip(good, played, strict=True)].index(False) == 9
    with pytest.raises(ValueError, match=r"JSON|delimiter|Unterminated"):
        json.loads(played[9][6:])


def test_the_terminator_can_be_missing():
    """Finish reason and usage are there, `[DONE]` is not."""
    body = sent(steps(faults.no_done()))
    assert b'"finish_reason": "stop"' in body
    assert b'"usage"' in body
    assert b"[DONE]" not in body


def test_the_finish_reason_can_be_missing():
    """Every word and no end."""
    played = steps(faults.no_finish())
    assert text(played) == TEXT
    assert b'"stop"' not in sent(played)


def test_the_first_event_can_be_an_error():
    """Status 200, and nothing but the error inside."""
    played = steps(faults.error_event(faults.quota()))
    assert played[0].status == 200
    assert sent(played).count(b"data:") == 1
    assert b"insufficient_quota" in sent(played)


def test_an_error_may_come_after_some_words():
    """The words before it, then the error, then no more."""
    played = steps(faults.error_event(after=5))
    assert text(played) == words(5)
    assert b"overloaded" in sent(played)


def test_a_body_can_be_an_error_under_200():
    """The whole JSON body is the error."""
    played = steps(faults.error_body(), BODY)
    assert played[0].status == 200
    assert json.loads(sent(played))["error"]["code"] == "insufficient_quota"


@pytest.mark.parametrize(
    ("fault", "status", "start"), [(faults.html(), 502, b"<html>"), (faults.html(504), 504, b"<html>"), (faults.empty_body(), 200, b"")]
)
def test_bodies_that_no_sdk_expects(fault: faults.Fault, status: int, start: bytes):
    """A proxy's page, or nothing at all."""
    played = steps(fault)
    assert played[0].status == status
    assert sent(played)[:6] == start


def test_truncated_json_is_complete_http():
    """Length and body agree; the JSON does not end."""
    played = steps(faults.truncated_json(), BODY)
    assert int(dict(played[0].headers)["content-length"]) == len(sent(played))
    with pytest.raises(ValueError, match=r"delimiter|Unterminated|Expecting"):
        json.loads(sent(played))


def test_keepalive_shows_life_for_ever():
    """Comments without end, and no word."""
    played = steps(faults.keepalive(), count=99)
    assert set(played[1:]) == {Data(b": keep-alive\n\n"), Idle(0.05)}


def test_keepalive_may_end_in_an_answer():
    """Empty events for a second, then all sixty words."""
    played = steps(faults.keepalive("empty", every=0.25, seconds=1))
    assert played.count(Idle(0.25)) == 4
    assert text(played) == TEXT


def test_keepalive_needs_a_positive_pause():
    """Without a pause between them the comments would be no faults but a flood."""
    with pytest.raises(ValueError, match="every"):
        faults.keepalive(every=0)


def test_a_dribbling_answer_is_the_same_answer():
    """Three bytes at a time, and nothing lost."""
    played = steps(faults.dribble(size=3))
    assert text(played) == TEXT
    assert max(len(step.data) for step in played if isinstance(step, Data)) == 3


@pytest.mark.parametrize(
    ("wait", "form", "header", "value"),
    [
        (30, None, "retry-after", "30"),
        (0, None, "retry-after", "0"),
        (-5, None, "retry-after", "-5"),
        (1.5, None, "retry-after", "1.5"),
        ("soon", None, "retry-after", "soon"),
        (2, "retry-after-ms", "retry-after-ms", "2000"),
        (2, "retry-after-ms", "x-ms-retry-after-ms", "2000"),
    ],
)
def test_waits_are_stated_in_every_form(wait: float | str, form: faults.WaitForm | None, header: str, value: str):
    """Zero, negative, fractional, nonsense, milliseconds: the header is what was ordered."""
    head = steps(faults.rate_limit(retry_after=wait, wait_form=form))[0]
    assert dict(head.headers)[header] == value


def test_a_wait_may_be_a_date():
    """The date form is an HTTP date."""
    head = steps(faults.rate_limit(retry_after=3600, wait_form="date"))[0]
    assert dict(head.headers)["retry-after"].endswith("GMT")


def test_a_wait_may_stand_in_the_text_only():
    """No header, and the seconds in the message."""
    played = steps(faults.rate_limit(retry_after=20, wait_form="text"), BODY)
    assert "retry-after" not in dict(played[0].headers)
    assert "try again in 20s" in json.loads(sent(played))["error"]["message"]


def test_nothing_inside_the_callers_words_is_filled_in():
    """A caller who writes `{key}` does not get the key back."""
    ask = RequestedAnswer("chat", "m", words="give me {key}", key="sk-secret")
    assert b"sk-secret" not in sent(steps(faults.echo_words(), ask))


@pytest.mark.parametrize("wire", sorted(MAKERS))
def test_empty_events_hold_no_word(wire: str):
    """On every wire an empty event is a well-formed one without text."""
    (chunk,) = {step.data for step in steps(faults.keepalive("empty"), wire=wire, count=9) if isinstance(step, Data)}
    (event,) = [json.loads(line[6:]) for line in chunk.decode().splitlines() if line.startswith("data: ")]
    assert "stone" not in json.dumps(event)


def test_a_body_can_be_kept_waiting():
    """What is no stream begins with white space, and is JSON all the same."""
    played = steps(faults.keepalive(seconds=1, every=0.5), BODY)
    assert sent(played).startswith(b"  {")
    assert json.loads(sent(played))["choices"]


def test_a_broken_body_is_no_json():
    """The fault of an event spoils the whole body where there are no events."""
    with pytest.raises(ValueError, match="Unterminated"):
        json.loads(sent(steps(faults.broken_event(), BODY)))


def test_a_truncated_stream_ends_inside_its_last_event():
    """The last event stops in the middle, no terminator follows, and HTTP sees a proper end."""
    played = steps(faults.truncated_json())
    assert played[-1] == End()
    assert not sent(played).endswith(b"\n\n")
    assert b"[DONE]" not in sent(played)


def test_a_dribbling_body_is_the_same_body():
    """The drops of a body are the body."""
    assert sent(steps(faults.dribble(size=5), BODY)) == sent(steps(None, BODY))


def test_a_refusal_may_have_another_status():
    """The provider's wording under a status that is not its usual one."""
    assert steps(faults.server_error(status=504))[0].status == 504
    assert steps(faults.refuse("overdue", status=412))[0].status == 412
