"""What the console and `sparekey status` say of a credential that does not serve, and of a chain that nobody answers."""

from chain_play import Play, auth, quota, refusal
from sparekey.core.status import describe
from sparekey.gateway.console.words import ahead, coming, following, why
from sparekey.gateway.observe.chain_health import health
from sparekey.gateway.observe.outlook import Coming, outlook


def said(play, index):
    """Why it does not serve, what is next, and what is next with the time that is left."""
    row = describe(play.pool, play.state, play.clock()).credentials[index]
    left = following(play.state, row)
    seconds = "" if left.seconds is None else f"{left.seconds:.0f} s"
    return why(play.pool, play.state, row), coming(play.state, row), f"{left.before}{seconds}{left.after}"


def test_a_soft_park_says_that_others_go_first(clock):
    """It is asked all the same when none of them serves."""
    play = Play(2, clock)
    play.ill = {0: refusal()}
    play.call()
    assert said(play, 0) == (
        "Its key is refused; others go first.",
        "It is asked when none of the others serves, else when its park ends.",
        "Others go first for 5 s; if none of them serves, it is asked.",
    )


def test_a_firm_park_says_when_it_is_probed(clock):
    """A dead key: nothing but a probe goes there."""
    play = Play(2, clock)
    play.ill = {0: auth()}
    play.call()
    assert said(play, 0)[1:] == (
        "When its park ends, one request tries it; if that goes well, traffic returns.",
        "In 600 s, one request tries it.",
    )


def test_a_stated_end_says_when_it_is_looked_at_and_how_long_it_is(clock):
    """Six days are not believed to the letter."""
    play = Play(2, clock)
    play.ill = {0: quota(6 * 86400)}
    play.call()
    assert said(play, 0)[1:] == (
        "One request tries it before its park ends (as its provider stated), as the wait may be over sooner.",
        "In 600 s, one request tries it; the whole wait is 6 days (as its provider stated).",
    )


def test_a_short_stated_end_is_waited_for(clock):
    """Below two minutes nobody looks before it comes."""
    play = Play(2, clock)
    play.ill = {0: quota(100)}
    play.call()
    assert said(play, 0)[2] == "In 100 s (as its provider stated), one request tries it."


def test_a_drought_says_who_is_asked(clock):
    """Everybody refuses different requests: until one is served, one request a second asks all."""
    play = Play(3, clock)
    play.ill = {0: refusal(), 1: refusal(), 2: refusal()}
    for _ in range(2):
        play.call()
    found = health(play.pool, play.state, clock())
    assert found.outlook.coming is Coming.REFUSED
    assert ahead(["a", "b", "c"], found).before.startswith("One request a second asks all of them")
    play.ill = {}
    clock.advance(1)
    assert play.call().error is None
    assert outlook(play.pool, play.state, clock()).coming is not Coming.REFUSED
