"""One answer that goes on in another: what was shown is compared and left out, the rest flows on."""

from itertools import takewhile

import hypothesis.strategies as st
import pytest
from hypothesis import given

from searches import drawn
from sparekey.core.splice import DiffersError, Piece, Reading, Splice


def pieces(text, channel="", lane=0):
    return [Piece(lane, channel, part) for part in text.split("|")]


def told(splice, some):
    """Feed pieces; return what of them goes out, in one string."""
    return "".join(splice.unshown(some))


def after(some):
    """A splice that has shown these pieces, at the start of another answer."""
    splice = Splice()
    splice.unshown(some)
    splice.restart()
    return splice


# ── examples ──


def test_a_first_answer_is_shown_as_it_is():
    """Nothing is left out, nothing is behind."""
    splice = Splice()
    assert splice.unshown(pieces("one| two")) == ["one", " two"]
    assert not splice.behind


@pytest.mark.parametrize(
    ("shown", "new", "left"),
    [
        ("one two", "one two three", [" three"]),
        ("one |two", "o|ne t|wo th|ree", ["", "", " th", "ree"]),
        ("one", "one", [""]),
        ("one", "on|e and |more", ["", " and ", "more"]),
    ],
)
def test_another_answer_goes_on_behind_what_was_shown(shown, new, left):
    """However either was cut into pieces: what was shown is left out of each piece, the rest stays."""
    splice = after(pieces(shown))
    assert splice.behind
    assert splice.unshown(pieces(new)) == left
    assert not splice.behind


def test_an_answer_is_behind_until_it_has_repeated_all():
    """A shorter answer is another one: whoever ends it asks this."""
    splice = after(pieces("one two"))
    assert told(splice, pieces("one")) == ""
    assert splice.behind
    assert told(splice, pieces(" tw")) == ""
    assert splice.behind
    assert told(splice, pieces("o")) == ""
    assert not splice.behind


@pytest.mark.parametrize("new", ["One two", "onE two", "one twO", "one  two", "one|x", "x"])
def test_an_answer_that_says_it_differently_is_another_one(new):
    """Wherever it differs within what was shown."""
    splice = after(pieces("one |two"))
    with pytest.raises(DiffersError):
        splice.unshown(pieces(new))


def test_what_comes_behind_may_be_anything():
    """Only what was shown is compared."""
    assert told(after(pieces("one")), pieces("one|!!!")) == "!!!"


def test_channels_stand_one_after_the_other():
    """Thoughts, then the text: each is compared in its place."""
    shown = [*pieces("hm", "thought"), *pieces("an", "text")]
    splice = after(shown)
    assert told(splice, [*pieces("h|m", "thought"), *pieces("answer", "text")]) == "swer"


@pytest.mark.parametrize(
    "new",
    [
        pieces("an", "text"),
        [*pieces("h", "thought"), *pieces("an", "text")],
        [*pieces("hm", "thought"), *pieces("|an", "thought")],
        [*pieces("hm", "thought"), *pieces("on", "text")],
        [*pieces("hmm", "thought")],
    ],
)
def test_a_channel_that_is_missing_shorter_longer_or_other_differs(new):
    """The caller has seen thoughts of this length, then this text."""
    with pytest.raises(DiffersError):
        after([*pieces("hm", "thought"), *pieces("an", "text")]).unshown(new)


def test_a_channel_may_come_again():
    """Thoughts between two texts; the same channel in a row is one run."""
    shown = [*pieces("a|b", "x"), *pieces("c", "y"), *pieces("d", "x")]
    splice = after(shown)
    assert splice.unshown([*pieces("ab", "x"), *pieces("c", "y"), *pieces("de", "x"), *pieces("f", "y")]) == ["", "", "e", "f"]
    with pytest.raises(DiffersError):
        after(shown).unshown([*pieces("abd", "x")])


def test_lanes_know_nothing_of_each_other():
    """Two choices of one answer, interleaved in another way; one of them may be new."""
    splice = after([Piece(0, "", "left"), Piece(1, "", "right")])
    assert splice.unshown([Piece(1, "", "righ"), Piece(2, "", "new"), Piece(0, "", "left!")]) == ["", "new", "!"]
    assert splice.behind
    assert splice.unshown([Piece(1, "", "ts")]) == ["s"]
    assert not splice.behind


def test_an_answer_that_goes_on_has_nothing_to_repeat():
    """It was asked for what comes behind all that was shown, in every lane."""
    splice = Splice()
    splice.unshown([Piece(0, "", "left"), Piece(1, "", "right")])
    splice.restart(resumed=True)
    assert not splice.behind
    assert splice.unshown([Piece(0, "", "left"), Piece(1, "", "!")]) == ["left", "!"]
    assert splice.shown([""]) == "leftleftright!"


def test_a_lane_that_has_only_begun_is_shown_too():
    """An empty piece tells it: the next answer opens no lane with it, and is behind until it has come to it."""
    splice = Splice()
    assert splice.opens([Piece(0, "", ""), Piece(1, "", "")])
    splice.unshown([Piece(0, "", "a"), Piece(1, "", "")])
    assert (splice.lanes, splice.behind) == (2, False)
    splice.restart()
    assert splice.unshown([Piece(0, "", "a")]) == [""]
    assert splice.behind
    assert not splice.opens([Piece(1, "", "")])
    assert splice.opens([Piece(1, "", ""), Piece(2, "", "")])
    splice.unshown([Piece(1, "", "")])
    assert not splice.behind


def test_one_lane_that_differs_is_enough():
    """The caller reads both."""
    splice = after([Piece(0, "", "left"), Piece(1, "", "right")])
    assert told(splice, [Piece(0, "", "left")]) == ""
    with pytest.raises(DiffersError):
        splice.unshown([Piece(1, "", "wrong")])


def test_an_empty_text_is_nothing():
    """Neither compared nor shown, in no channel."""
    splice = after([*pieces("", "x"), *pieces("a", "y")])
    assert splice.channels() == {"y"}
    assert splice.unshown([*pieces("", "z"), *pieces("ab", "y")]) == ["", "b"]


def test_a_third_answer_is_held_to_what_both_have_shown():
    """Also to what the second one added."""
    splice = after(pieces("ab"))
    assert told(splice, pieces("a|bc|d")) == "cd"
    splice.restart()
    assert told(splice, pieces("abc")) == ""
    assert splice.behind
    with pytest.raises(DiffersError):
        splice.unshown(pieces("x"))


def test_an_answer_that_breaks_while_it_repeats_has_shown_nothing():
    """The next one begins at the start again."""
    splice = after(pieces("abc"))
    splice.unshown(pieces("ab"))
    splice.restart()
    assert told(splice, pieces("abcd")) == "d"


def test_what_was_shown_is_told_by_channel():
    """All that was shown, repeated or not, in the order of the lanes."""
    splice = after([*pieces("hm", "thought"), *pieces("a|b", "text"), Piece(1, "text", "c")])
    assert splice.channels() == {"thought", "text"}
    assert splice.shown(["text"]) == "abc"
    assert splice.shown(iter(["text", "thought"])) == "hmabc"
    assert splice.shown([]) == ""


def test_the_plain_reading():
    """Texts are one channel, and can be cut; anything else is passed on and tells nothing."""
    reading = Reading()
    assert (reading.content("a"), reading.alive(""), reading.complete("a"), reading.usage("a")) == (True, True, False, None)
    assert list(reading.pieces("a")) == [Piece(0, "", "a")]
    assert reading.pieces({"text": "a"}) is None
    assert (reading.cut("abc", ["c"]), reading.cut("abc", [""])) == ("c", None)
    assert list(reading.split("ab")) == ["ab"]
    assert (list(reading.spoken), list(reading.thought)) == ([""], [])
    assert [Reading(bool).content(item) for item in ("a", "")] == [True, False]


# ── properties ──

CHANNELS = ["thought", "text", "tool"]


@st.composite
def answers(draw):
    """A whole answer: runs of text in up to three lanes; neighbours in a lane have different channels."""
    lanes = {}
    for lane in range(draw(st.integers(1, 3))):
        runs = draw(st.lists(st.tuples(st.sampled_from(CHANNELS), st.text("ab ", min_size=1, max_size=6)), min_size=1, max_size=4))
        lanes[lane] = [run for n, run in enumerate(runs) if n == 0 or runs[n - 1][0] != run[0]]
    return lanes


def cutting(draw, answer):
    """Some way to send an answer: every run in pieces, the lanes interleaved at will."""
    queues = {lane: [(channel, letter) for channel, text in runs for letter in text] for lane, runs in answer.items()}
    sent = []
    while queues:
        lane = draw(st.sampled_from(sorted(queues)))
        queue, channel = queues[lane], queues[lane][0][0]
        run = list(takewhile(lambda pair, channel=channel: pair[0] == channel, queue[: draw(st.integers(1, 4))]))
        sent.append(Piece(lane, channel, "".join(letter for _, letter in run)))
        queues[lane] = queue[len(run) :]
        queues = {name: rest for name, rest in queues.items() if rest}
    return sent


def joined(some):
    """What a reader puts together: each lane's runs."""
    lanes = {}
    for piece in some:
        if not piece.text:
            continue
        runs = lanes.setdefault(piece.lane, [])
        if runs and runs[-1][0] == piece.channel:
            runs[-1] = (piece.channel, runs[-1][1] + piece.text)
        else:
            runs.append((piece.channel, piece.text))
    return lanes


def seen(splice, some):
    return [piece._replace(text=text) for piece, text in zip(some, splice.unshown(some), strict=True)]


@drawn(40)
@given(answer=answers(), data=st.data())
def test_however_it_is_cut_the_whole_answer_is_seen_once(answer, data):
    """Any number of answers that break anywhere, each sent in its own pieces: together they give the whole text exactly once."""
    splice, out = Splice(), []
    for _ in range(data.draw(st.integers(0, 2))):
        sent = cutting(data.draw, answer)
        out += seen(splice, sent[: data.draw(st.integers(0, len(sent)))])
        splice.restart()
    out += seen(splice, cutting(data.draw, answer))
    assert joined(out) == answer
    assert not splice.behind


@drawn(40)
@given(answer=answers(), data=st.data())
def test_an_answer_that_differs_anywhere_in_what_was_shown_is_refused(answer, data):
    """One letter is another one, at any place: nothing that contradicts what the caller has is ever sent."""
    sent = cutting(data.draw, answer)
    splice = after(sent)
    again = cutting(data.draw, answer)
    where = data.draw(st.integers(0, len(again) - 1))
    text = again[where].text
    at = data.draw(st.integers(0, len(text) - 1))
    again[where] = again[where]._replace(text=text[:at] + "X" + text[at + 1 :])
    with pytest.raises(DiffersError):
        splice.unshown(again)


@drawn(40)
@given(answer=answers(), data=st.data())
def test_an_answer_that_is_shorter_stays_behind(answer, data):
    """Whatever piece is missing at its end: it is no whole answer."""
    splice = after(cutting(data.draw, answer))
    again = cutting(data.draw, answer)
    assert told(splice, again[: data.draw(st.integers(0, len(again) - 1))]) == ""
    assert splice.behind
