"""What Prometheus scrapes, read back from the text that the real client writes."""

import gc
import os
import subprocess
import sys

import pytest
from prometheus_client import Counter, generate_latest
from prometheus_client.parser import text_string_to_metric_families
from telemetry_kit import CREDENTIALS, KEY, RATE, STATE, USAGE, Told

from sparekey import Chain, Credential, Failover, Failure, Outcome
from sparekey.classify.reasons import Reason
from sparekey.telemetry import PrometheusHook
from sparekey.telemetry.hook import BoundedLabels
from sparekey.types import ErrorClass, Scope

LABELS = ("credential", "what", "outcome", "error_class", "reason", "park", "kind", "old", "new", "le")


def scraped(registry):
    """Every sample of the text exposition: its value by name and by the values of its labels but the chain, in the order of `LABELS`."""
    text = generate_latest(registry).decode()
    samples = [s for family in text_string_to_metric_families(text) for s in family.samples]
    return {(s.name.removeprefix("sparekey_"), *(s.labels[k] for k in LABELS if k in s.labels)): s.value for s in samples}


def test_attempts_are_counted_by_how_they_ended(registry):
    """Outcome, class and reason; a failure's words stay out."""
    told = Told(PrometheusHook("chat", registry))
    told.end().end().end("two", failure=RATE).end(outcome=Outcome.ABANDONED)
    found = scraped(registry)
    assert {key[1:]: value for key, value in found.items() if key[0] == "attempts_total"} == {
        ("one", "succeeded", "", ""): 2,
        ("two", "failed", "transient", "rate_limited"): 1,
        ("one", "abandoned", "", ""): 1,
    }


def test_attempts_are_timed(registry):
    """The whole of an attempt, and a stream's first content as soon as it is there."""
    Told(PrometheusHook("chat", registry)).content(after=0.3).end(duration=1.5)
    found = scraped(registry)
    assert found["attempt_duration_seconds_sum", "one", "succeeded"] == 1.5
    assert found["attempt_duration_seconds_bucket", "one", "succeeded", "1.0"] == 0
    assert found["attempt_duration_seconds_bucket", "one", "succeeded", "2.0"] == 1
    assert found["first_content_seconds_sum", "one"] == 0.3


def test_tokens_add_up(registry):
    """Cached and reasoning tokens are parts of the others, so they are not a kind beside them."""
    Told(PrometheusHook("chat", registry)).end(usage=USAGE).end(outcome=Outcome.ABANDONED, usage=USAGE).end("two")
    found = scraped(registry)
    assert {key: value for key, value in found.items() if key[0].endswith("tokens_total")} == {
        ("tokens_total", "one", "prompt"): 200,
        ("tokens_total", "one", "completion"): 40,
        ("cached_tokens_total", "one"): 128,
        ("reasoning_tokens_total", "one"): 10,
    }


def test_what_happens_to_the_chain_is_counted(registry):
    """Switches with their direction, parks with their cause, probes, recoveries, exhaustion."""
    Told(PrometheusHook("chat", registry)).tell(*STATE).whole()
    found = scraped(registry)
    assert found["failovers_total", "one", "two"] == 2
    assert found["failbacks_total", "two", "one"] == 2
    assert found["parks_total", "account:team", "quota_exceeded", "insufficient_balance", "firm"] == 2
    assert found["probes_total", "account:team"] == 2
    assert found["recoveries_total", "account:team"] == 2
    assert found["exhausted_total",] == 1


def test_gauges_follow_the_chain(registry):
    """Who is active and who is parked is read when it is asked for."""
    dead = Failure(ErrorClass.AUTH, "invalid_key", Scope.CREDENTIAL)
    chain = Chain(CREDENTIALS, classify=lambda _: dead, hooks=[PrometheusHook("chat", registry)])
    gauges = ("credential_up", "active")
    assert [[scraped(registry)[gauge, c.id] for c in CREDENTIALS] for gauge in gauges] == [[1, 1], [1, 0]]

    def attempt(credential):
        if credential.id == "one":
            raise RuntimeError
        return "answer"

    assert Failover(chain).call(attempt) == "answer"
    assert [[scraped(registry)[gauge, c.id] for c in CREDENTIALS] for gauge in gauges] == [[0, 1], [0, 1]]


def test_gauges_vanish_with_their_chain(registry):
    """The registry keeps no chain alive; what was counted stays."""
    hook = PrometheusHook("chat", registry)
    told = Told(hook).end()
    assert ("active", "one") in scraped(registry)
    del told
    gc.collect()
    assert {key[0] for key in scraped(registry)} >= {"attempts_total"}
    assert ("active", "one") not in scraped(registry)


def test_chains_share_the_metrics_of_a_registry(registry):
    """Each under its own name; one that was made anew takes the place of the old one."""
    old = Told(PrometheusHook("chat", registry)).end()
    new = Told(PrometheusHook("chat", registry)).end()
    embed = Told(PrometheusHook("embed", registry), credentials=[Credential("three")]).end("three")
    text = generate_latest(registry).decode()
    assert 'sparekey_attempts_total{chain="chat",credential="one",error_class="",outcome="succeeded",reason=""} 2.0' in text
    assert text.count('sparekey_active{chain="chat",credential="one"}') == 1
    assert 'sparekey_active{chain="embed",credential="three"} 1.0' in text
    assert [told.chain for told in (old, new, embed)]


def test_metrics_of_others_are_not_taken_over(registry):
    """A name that is taken is an error at the start, not a wrong number later."""
    Counter("sparekey_parks", "not ours", registry=registry)
    with pytest.raises(ValueError, match="sparekey_parks"):
        PrometheusHook("chat", registry)


def test_the_default_registry_is_the_clients(registry, monkeypatch):
    """Without one of its own it counts where everybody does."""
    monkeypatch.setattr("sparekey.telemetry.prometheus.REGISTRY", registry)
    Told(PrometheusHook("chat")).end()
    assert scraped(registry)["attempts_total", "one", "succeeded", "", ""] == 1


def test_a_part_of_the_metrics_can_be_asked_for(registry):
    """As `/metrics?name[]=...` does."""
    told = Told(PrometheusHook("chat", registry)).end()
    assert set(scraped(registry.restricted_registry(["sparekey_active"]))) == {("active", "one"), ("active", "two")}
    assert told.chain


def test_a_reason_from_outside_makes_no_time_series(registry):
    """A classifier of one's own may hand through a provider's text."""
    told = Told(PrometheusHook("chat", registry))
    for number in range(500):
        told.end(failure=Failure(ErrorClass.UNKNOWN, f"request {number} went wrong"))
        told.end(failure=Failure(ErrorClass.UNKNOWN, f"req_{number}"))
    found = {key[-1]: value for key, value in scraped(registry).items() if key[0] == "attempts_total"}
    assert len(found) == 129
    assert found["other"] == 500 + (500 - 128)


def test_all_reasons_of_our_own_are_told():
    """The classifier's reasons are a closed list, no texts, and all of them fit."""
    reasons = {reason.value for reason in Reason}
    words = BoundedLabels()
    assert len(reasons) > 50
    assert {words(reason) for reason in reasons} == reasons


def test_no_key_is_told(registry):
    """Neither the chain's own, nor what stands in a base URL."""
    told = Told(PrometheusHook("chat", registry)).whole()
    text = generate_latest(registry).decode()
    assert KEY not in text
    assert "hidden" not in text
    assert told.chain


def test_processes_add_up(tmp_path):
    """In multiprocess mode every process counts into its file, and one scrape sees all."""
    code = (
        "from sparekey import Chain, Credential, Failover\n"
        "from sparekey.core.events import Switched\n"
        "from sparekey.telemetry import PrometheusHook\n"
        "chain = Chain([Credential('a')], hooks=[PrometheusHook('chat')])\n"
        "chain.tell(Switched('a', 'b', failback=False))\n"
        "import prometheus_client as p, prometheus_client.multiprocess as m\n"
        "registry = p.CollectorRegistry(); m.MultiProcessCollector(registry)\n"
        "print(p.generate_latest(registry).decode())"
    )
    environment = {**os.environ, "PROMETHEUS_MULTIPROC_DIR": str(tmp_path)}
    for count in (1, 2):
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, env=environment)
        assert f'sparekey_failovers_total{{chain="chat",new="b",old="a"}} {count}.0' in done.stdout
