"""A request that waited until another one had reached a host again blamed the credential that it could not reach before."""

from chain_play import Play, unreached


def test_who_waits_for_the_network_asks_the_first_credential_again(clock):
    """Two requests find the network away; one of them tries whether it is back. The other one parks nobody and moves nobody."""
    play = Play(2, clock)
    late, early = play.start(), play.start()
    for request in (early, late):
        request.fail(unreached())
    early.fail(unreached())
    assert play.active == 0
    for _ in range(8):
        clock.advance(1.0)
        for request in (early, late):
            while not request.over and not hasattr(request.step, "seconds"):
                request.succeed()
            if not request.over:
                request.succeed()
    assert (late.served, play.active, play.phases()) == (0, 0, ["CLOSED", "CLOSED"])
