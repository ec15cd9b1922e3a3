"""The thread of a store could look before its keeper was whole: it ended, and the process never heard of the others again."""

from sparekey.stores import Keeper
from sparekey.stores.base import StoreAwayError
from sparekey.stores.memory import MemoryValues


class Away(MemoryValues):
    """A store that is away from the beginning."""

    def changed(self):
        raise StoreAwayError("not here")


def test_the_thread_outlives_its_first_look():
    """However soon it comes."""
    for _ in range(50):
        with Keeper(Away(), poll=0) as keeper:
            assert keeper._worker.ask(30, lambda: "alive") == "alive"
