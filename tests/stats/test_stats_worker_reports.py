"""Workers that tell each other what they have counted: everything adds up, and nothing is lost or counted twice."""

import pytest

from sparekey.core.events import AttemptFailed, AttemptSucceeded, Switched
from sparekey.stats import worker_reports
from sparekey.stats.chain_stats import ChainStats
from sparekey.stats.metric_sums import Family, added
from sparekey.stats.worker_reports import Board, Report
from sparekey.types import Attempt, ErrorClass, Failure, Outcome, Usage

NOON = 20_000 * 86400 + 43_200.0


@pytest.fixture
def workers(tmp_path, clock):
    """Start workers on one board; each has a book and a counter."""
    clock.now = NOON
    opened = []

    def start():
        one = Worker(tmp_path, clock)
        opened.append(one)
        return one

    yield start
    for one in opened:
        one.board.close()


class Worker:
    def __init__(self, folder, clock):
        self.board, self.book, self.count = Board(folder, clock), ChainStats(clock), 0
        self.before = self.board.left.families
        for page in self.board.left.pages.values():
            self.book.load(page)
        self.board.begin(self.report)

    def serve(self, duration=0.2, times=1):
        for _ in range(times):
            self.count += 1
            self.book(AttemptSucceeded("a", attempt=Attempt("a", Outcome.SUCCEEDED, duration=duration, usage=Usage(2, 3, 1, 1))))

    def report(self):
        own = Family("requests", "counter", "", [("requests_total", (("chain", "chat"),), self.count)])
        return Report(running=1, pages={"chat": self.book.page()}, families=added([*self.before, own]))

    def seen(self):
        """What a page of this worker would show."""
        whole = ChainStats(self.book._clock)
        for report in self.board.all():
            whole.load(report.pages["chat"])
        return whole

    def total(self):
        (family,) = added(family for report in self.board.all() for family in report.families)
        return family.samples[0][2]


def test_all_workers_count_together(workers):
    """Requests, tokens, durations, switches and failures of all of them, whoever is asked."""
    one, two = workers(), workers()
    one.serve(0.1, times=60)
    two.serve(1.0, times=40)
    failure = Failure(ErrorClass.AUTH, "invalid_key", status=401, message="no", trace=("read",))
    two.book(AttemptFailed("a", failure, call=7, number=2))
    one.book(Switched("a", "b", failback=False))
    for worker in (one, two):
        worker.board.pin()
    for worker in (one, two):
        account = worker.seen().account("a")
        assert (account.succeeded, account.failed, account.prompt_tokens, account.completion_tokens) == (100, 1, 200, 300)
        assert account.errors == (("auth", "invalid_key", 1),)
        assert account.latency == pytest.approx((0.1, 1.0), rel=0.06)
        assert [moment.kind for moment in worker.seen().timeline()] == ["failover"]
        assert worker.seen().misses()[0].failure == failure
        assert worker.total() == 100


def test_a_killed_worker_takes_nothing_along(workers):
    """Its successor goes on with its numbers, in its place; the sum stays what it was, and grows from there."""
    one, two = workers(), workers()
    one.serve(times=5)
    two.serve(times=3)
    for worker in (one, two):
        worker.board.pin()
    one.board.close()
    assert (two.seen().account("a").succeeded, two.total()) == (8, 8)
    three = workers()
    assert three.board.place == one.board.place
    three.serve()
    three.board.pin()
    assert (two.seen().account("a").succeeded, two.total()) == (9, 9)
    assert len(two.board.all()) == 2


def test_what_a_gone_worker_was_doing_is_gone(workers, clock):
    """After some seconds without a report only its counts are left."""
    one, two = workers(), workers()
    one.serve()
    one.board.pin()
    clock.advance(worker_reports.GONE + 1)
    two.board.pin()
    assert [report.running for report in two.board.living()] == [1]
    assert two.total() == 1


def test_a_report_that_cannot_be_read_is_left_out(workers, tmp_path):
    """Whatever lies on the board."""
    one = workers()
    one.serve()
    one.board.pin()
    (tmp_path / "7.json").write_bytes(b"{")
    (tmp_path / "8.json").write_bytes(b'{"pages": 5}')
    assert one.total() == 1


def test_a_board_that_was_taken_down_stops_nobody(workers, tmp_path):
    """Its folder was deleted: the worker goes on, and shows nothing but what it can read."""
    one = workers()
    worker_reports.remove(tmp_path)
    one.board.pin()
    assert not one.board.all()


def test_the_day_turns_for_all(workers, clock):
    """Yesterday's numbers of a worker that was idle since are not added to today's."""
    one, two = workers(), workers()
    one.serve(times=5)
    one.board.pin()
    clock.advance(43_200)
    two.serve()
    two.board.pin()
    assert two.seen().account("a").succeeded == 1
