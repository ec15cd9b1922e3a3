"""The store took a hold and its answer was lost; what was done here behind it was merged as if it had been done beside it, and undone."""

from chain_play import names
from sparekey.core import manual
from sparekey.engine import Chain
from sparekey.stores import Keeper
from sparekey.stores.base import StoreAwayError
from sparekey.stores.memory import MemoryValues


class Deaf(MemoryValues):
    """Does what it is asked, and while it is `deaf` cannot say so."""

    deaf = False

    def compare_and_set(self, name, old, new):
        done = super().compare_and_set(name, old, new)
        if self.deaf:
            raise StoreAwayError("the answer was lost")
        return done

    def changed(self):
        if self.deaf:
            raise StoreAwayError("still")
        return True


def test_what_was_done_behind_it_holds(clock):
    """The hold was released, and the active one is the last that a person chose."""
    store = Deaf()
    with Keeper(store, poll=3600, patience=30) as keeper:
        chain = Chain(names(3), clock=clock, store=keeper, name="chat")
        chain.switcher.commit_success(1)
        store.deaf = True
        chain.transact(manual.hold, 0, clock() + 50_000, clock())
        assert keeper.away
        chain.transact(manual.release, 0, clock())
        chain.transact(manual.activate, 2, clock())
        store.deaf = False
        keeper._worker.ask(30, keeper._poll)
        assert not keeper.away
        assert chain.status().credentials[0].returns_in == 0
        assert chain.active_id == "k2"
        late = Chain(names(3), clock=clock, store=keeper, name="chat")
        assert (late.status().credentials[0].returns_in, late.active_id) == (0, "k2")
