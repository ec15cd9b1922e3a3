"""Workers that tell each other what they have counted: everything adds up, and nothing is lost or counted twice."""

import json

import pytest

from sparekey.core.events import AttemptFailed, AttemptSucceeded, Exhausted, Switched
from sparekey.errors import AllCredentialsFailedError
from sparekey.stats import worker_reports
from sparekey.stats.chain_stats import ChainStats
from sparekey.stats.worker_reports import MetricFamily, WorkerReport, WorkerReports, summed
from sparekey.types import Attempt, ErrorClass, Failure, Outcome, Usage

NOON = 20_000 * 86400 + 43_200.0


@pytest.fixture
def workers(tmp_path, clock):
    """Start workers on one board; each has a stats and a counter."""
    clock.now = NOON
    opened = []

    def start():
        one = Worker(tmp_path, clock)
        opened.append(one)
        return one

    yield start
    for one in opened:
        one.reports.close()


class Worker:
    def __init__(self, folder, clock):
        self.reports, self.stats, self.count = WorkerReports(folder, clock), ChainStats(clock), 0
        self.before = self.reports.before.metrics
        for page in self.reports.before.chains.values():
            self.stats.load(page)
        self.reports.begin(self.report)

    def serve(self, duration=0.2, times=1):
        for _ in range(times):
            self.count += 1
            self.stats(AttemptSucceeded("a", attempt=Attempt("a", Outcome.SUCCEEDED, duration=duration, usage=Usage(2, 3, 1, 1))))

    def report(self):
        own = MetricFamily("requests", "counter", "", [("requests_total", (("chain", "chat"),), self.count)])
        return WorkerReport(running=1, chains={"chat": self.stats.report()}, metrics=summed([*self.before, own]))

    def seen(self):
        """What a page of this worker would show."""
        whole = ChainStats(self.stats._clock)
        for report in self.reports.all():
            whole.load(report.chains["chat"])
        return whole

    def total(self):
        (family,) = summed(family for report in self.reports.all() for family in report.metrics)
        return family.samples[0][2]


def test_all_workers_count_together(workers):
    """Requests, tokens, durations, switches and failures of all of them, whoever is asked."""
    one, two = workers(), workers()
    one.serve(0.1, times=60)
    two.serve(1.0, times=40)
    failure = Failure(ErrorClass.AUTH, "invalid_key", status=401, message="no", trace=("read",))
    two.stats(AttemptFailed("a", failure, call=7, number=2))
    one.stats(Switched("a", "b", failback=False))
    for worker in (one, two):
        worker.reports.write()
    for worker in (one, two):
        summary = worker.seen().summary("a")
        assert (summary.succeeded, summary.failed, summary.prompt_tokens, summary.completion_tokens) == (100, 1, 200, 300)
        assert summary.errors == (("auth", "invalid_key", 1),)
        assert summary.latency == pytest.approx((0.1, 1.0), rel=0.06)
        assert [moment.kind for moment in worker.seen().timeline()] == ["failover"]
        assert worker.seen().failures()[0].failure == failure
        assert worker.total() == 100


def test_a_killed_worker_takes_nothing_along(workers):
    """Its successor goes on with its numbers, in its place; the sum stays what it was, and grows from there."""
    one, two = workers(), workers()
    one.serve(times=5)
    two.serve(times=3)
    for worker in (one, two):
        worker.reports.write()
    one.reports.close()
    assert (two.seen().summary("a").succeeded, two.total()) == (8, 8)
    three = workers()
    assert three.reports.number == one.reports.number
    three.serve()
    three.reports.write()
    assert (two.seen().summary("a").succeeded, two.total()) == (9, 9)
    assert len(two.reports.all()) == 2


def test_what_a_gone_worker_was_doing_is_gone(workers, clock):
    """After some seconds without a report only its counts are left."""
    one, two = workers(), workers()
    one.serve()
    one.reports.write()
    clock.advance(worker_reports.GONE + 1)
    two.reports.write()
    assert [report.running for report in two.reports.living()] == [1]
    assert two.total() == 1


def test_a_report_that_cannot_be_read_is_left_out(workers, tmp_path):
    """Whatever lies on the board."""
    one = workers()
    one.serve()
    one.reports.write()
    (tmp_path / "7.json").write_bytes(b"{")
    (tmp_path / "8.json").write_bytes(b'{"pages": 5}')
    assert one.total() == 1


def test_a_board_that_was_taken_down_stops_nobody(workers, tmp_path):
    """Its folder was deleted: the worker goes on, and shows nothing but what it can read."""
    one = workers()
    worker_reports.remove(tmp_path)
    one.reports.write()
    assert not one.reports.all()


def test_the_day_turns_for_all(workers, clock):
    """Yesterday's numbers of a worker that was idle since are not added to today's."""
    one, two = workers(), workers()
    one.serve(times=5)
    one.reports.write()
    clock.advance(43_200)
    two.serve()
    two.reports.write()
    assert two.seen().summary("a").succeeded == 1


def test_a_report_of_an_earlier_version_is_read(tmp_path, clock):
    """The package was upgraded under workers that run: their counts, timeline and failures are there, as records."""
    clock.now = NOON
    failure = {"error_class": "auth", "reason": "invalid_key", "scope": "credential", "status": 401, "message": "no", "evidence": "certain"}
    miss = {"at": NOON, "call": 7, "number": 2, "credential": "a", "failure": failure, "duration": 0.5, "times": 3}
    moments = [
        {"at": NOON, "kind": "failover", "what": ["credential:b"], "old": "a", "seconds": None, "cause": "", "reason": "", "times": 1}
    ]
    tally = {"day": 20_000, "succeeded": 5, "failed": 1, "charged": 5, "prompt": 10, "errors": {"auth invalid_key": 1}}
    page = {"rows": {"a": {"tally": tally, "latency": {"86400000": {"3": 2}}, "first": {}}}, "moments": moments, "misses": [miss]}
    old = {"at": NOON, "running": 2, "pages": {"chat": {**page, "last": {"a": miss}, "revision": 9}}}
    old["families"] = [{"name": "requests", "kind": "counter", "text": "", "samples": [["requests_total", [["chain", "chat"]], 5.0]]}]
    (tmp_path / "0.json").write_text(json.dumps(old))
    reports = WorkerReports(tmp_path, clock)
    stats = ChainStats(clock)
    stats.load(reports.before.chains["chat"])
    summary = stats.summary("a")
    assert (summary.succeeded, summary.errors, reports.before.metrics[0].samples[0][2]) == (5, (("auth", "invalid_key", 1),), 5.0)
    assert [(record.kind, record.what, record.old) for record in stats.timeline()] == [("failover", ("credential:b",), "a")]
    (known,) = stats.failures()
    assert known == summary.last_failure
    assert (known.credential, known.failure.status, known.seconds, known.attempt, known.times) == ("a", 401, 0.5, 2, 3)


def test_how_calls_ended_adds_up_in_order(workers, clock):
    """One worker served a second after the other failed: the last end is the one that was served."""
    one, two = workers(), workers()
    one.stats(Exhausted(AllCredentialsFailedError([]), call=1))
    clock.advance(1)
    two.serve()
    for worker in (one, two):
        worker.reports.write()
    assert [kind for _, kind, _ in one.seen().ends()] == ["failed", "served"]
