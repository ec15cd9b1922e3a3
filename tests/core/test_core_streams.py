"""A stream in the core: begun, relayed, cut (section 4 of the design, as far as the core knows it)."""

from chain_play import Play, auth, overloaded, permanent, rate_limit, silent, unreached, weak



def test_a_stream_that_begins_is_relayed(clock):
    """After the first content the rest is passed on, and the end is the end."""
    play = Play(2, clock)
    request = play.start().begin()
    assert isinstance(request.step, Relay)
    request.succeed()
    assert (request.over, request.error, request.served) == (True, None, 0)


def test_whoever_begins_a_stream_is_active(clock):
    """The first content is the success."""
    play = Play(2, clock)
    play.start().fail(auth()).begin()
    assert play.active == 1


def test_a_cut_belongs_to_the_caller_and_blames_the_credential(clock):
    """The caller has seen content: no other credential answers, the provider's own error is raised, the credential is parked."""
    play = Play(2, clock)
    failure = overloaded()
    request = play.start().begin().fail(failure)
    assert (request.sent, request.over, request.error.failure) == ([0], True, failure)
    assert play.phase(0) == "PARKED"


def test_a_cut_after_a_failover_parks_the_one_that_was_cut(clock):
    """The ticket of a switch is good for the rest of its stream."""
    play = Play(3, clock)
    play.start().fail(auth()).begin().fail(rate_limit())
    assert [play.phase(i) for i in range(3)] == ["PARKED", "PARKED", "CLOSED"]
    assert play.active == 1


def test_a_cut_probe_parks_again(clock):
    """It began well, then broke: the next park starts from the first length, for it did recover."""
    play = Play(2, clock)
    play.ill = {0: rate_limit()}
    play.call()
    clock.advance(5)
    probe = play.start()
    assert probe.index == 0
    probe.begin()
    assert (play.phase(0), play.active) == ("CLOSED", 0)
    probe.fail(rate_limit())
    assert (play.phase(0), play.returns_in(0)) == ("PARKED", 5)


def test_a_cut_by_the_requests_own_fault_parks_nobody(clock):
    """A safety filter in the middle of a stream."""
    play = Play(2, clock)
    before = play.state
    request = play.start().begin().fail(permanent())
    assert request.error.failure == permanent()
    assert play.state is before


def test_a_cut_is_settled_at_once(clock):
    """Weak or unreached: this request will learn nothing more."""
    for failure in (weak(), unreached(), silent()):
        play = Play(2, clock)
        play.start().begin().fail(failure)
        assert play.phase(0) == "PARKED"


def test_a_caller_that_goes_away_blames_nobody(clock):
    """M04: in the middle of a stream."""
    play = Play(2, clock)
    before = play.state
    play.start().begin().cancel()
    assert play.state is before


def test_a_stale_cut_changes_nothing(clock):
    """Another stream's cut has parked the credential already."""
    play = Play(2, clock)
    first, second = play.start().begin(), play.start().begin()
    first.fail(overloaded())
    before = play.state
    second.fail(auth())
    assert play.state.breakers == before.breakers
    assert second.error.failure == auth()


def test_a_slow_stream_of_an_older_term_moves_nobody(clock):
    """M02: its late first content is delivered, the active credential stays."""
    play = Play(2, clock)
    slow = play.start()
    play.ill = {0: auth()}
    play.call()
    slow.begin()
    assert isinstance(slow.step, Relay)
    assert (play.active, play.phase(0)) == (1, "PARKED")


def test_what_waited_is_settled_when_a_stream_begins(clock):
    """The beginning of another's answer shows whose fault it was."""
    play = Play(2, clock)
    play.start().fail(unreached()).begin()
    assert play.phase(0) == "PARKED"
