"""16 of 16 requests failed while the console and `sparekey status` said that the last credential serves, whenever its park had run out."""

from health_kit import Watched

from chain_play import auth, overloaded, quota
from sparekey.gateway.observe.chain_health import Level


def test_a_last_credential_that_fails_between_its_parks_serves_nobody(clock):
    """Whenever one looks, in its parks and after them, however long nobody asks: requests fail. One that is served ends it."""
    watched = Watched(clock, "team-a", "team-b", "team-c")
    ill = {"team-a": quota(3600), "team-b": auth(), "team-c": overloaded()}
    for _ in range(12):
        assert watched.ask(1, every=2.0, **ill) == 0
        for seconds in (0.1, 1.0, 2.6, 1.4):
            watched.clock.advance(seconds)
            assert (watched.health.level, watched.health.serving) == (Level.DOWN, None)
    assert watched.said[1] == "The last 12 requests failed, the first 83 s ago. team-c: its provider is overloaded."
    watched.clock.advance(400)
    assert watched.health.level is Level.DOWN
    assert watched.said == (
        "Requests fail",
        "The last request failed, 7 min ago. team-a: its account has no balance left.",
        "The next request tries team-a.",
    )
    del watched.ill["team-c"]
    assert watched.ask() == 1
    assert (watched.health.level, watched.health.serving) == (Level.SPARE, 2)
