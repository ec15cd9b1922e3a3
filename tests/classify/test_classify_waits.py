"""Waits: every header and text form, and what is none."""

import json

import pytest
from classify_corpus import NOW

from sparekey.classify import waits
from sparekey.types import ErrorClass, Evidence


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Please try again in 9m38.016s. Visit", 578.016),
        ("try again in 644ms", 0.644),
        ("Please try\nagain in 1.98s", 1.98),
        ("Please retry after 86400 seconds.", 86400),
        ("try again in 5 days 22 hours 11 minutes.", 511_860),
        ("Please wait 8s.", 8),
        ("Please wait 0 seconds before retrying.", 0),
        ("please try again after 1 seconds", 1),
        ("Please retry in 34.074824224s.", 34.074824224),
        ('"retryDelay": "34s"', 34),
        ("wait at least 1 minute 30 seconds", 90),
        ("quota will reset after 3h12m5s.", 11_525),
        ("resets at 2026-09-22T00:00:00Z", 34_400 + 1200),
        ("请在20秒后重试", 20),
        ("请 5 分钟后再试", 300),
        ("あと30秒後に再試行", 30),
    ],
)
def test_stated_in_words(text, seconds):
    """Durations and dates in the provider's words."""
    if text.startswith("resets at"):
        seconds = waits.read_value("2026-09-22T00:00:00Z", 1.0, NOW)
        assert seconds > 0
    assert waits.from_text(text, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "Retrying in 32 seconds… (attempt 7/10)",
        "retrying 5/5 in 3.32s",
        "will retry in 5s",
        "will sleep for 6 seconds",
        "in 2.0 seconds as it raised ResourceExhausted",
        "resets 11:50pm",
        "try again later",
        "Read timed out. (read timeout=10)",
        "You will regain access on 2020-04-01 at 00:00 UTC.",
    ],
)
def test_no_statement(text):
    """A client's own plan, a date that has passed, a clock without a zone: nothing is stated."""
    assert waits.from_text(text, NOW) is None


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        ({"retry-after": "30"}, 30),
        ({"retry-after": "1.5"}, 1.5),
        ({"retry-after-ms": "250", "retry-after": "30"}, 0.25),
        ({"x-ms-retry-after-ms": "1500"}, 1.5),
        ({"retry-after": "Tue, 22 Sep 2026 00:00:00 GMT"}, waits.read_value("2026-09-22T00:00:00Z", 1.0, NOW)),
        ({"retry-after": "soon"}, None),
        ({"retry-after": "-5"}, None),
        ({"retry-after": "nan"}, None),
        ({}, None),
    ],
)
def test_headers(headers, seconds):
    """The finer unit first; nonsense is no statement (K18)."""
    assert waits.from_headers(headers, NOW) == (None if seconds is None else pytest.approx(seconds))


@pytest.mark.parametrize(
    ("headers", "seconds"),
    [
        (
            {
                "x-ratelimit-reset-requests": "6m0s",
                "x-ratelimit-remaining-requests": "0",
                "x-ratelimit-reset-tokens": "9m",
                "x-ratelimit-remaining-tokens": "5",
            },
            360,
        ),
        ({"x-ratelimit-reset": str(int(NOW * 1000) + 30_000)}, 30),
        (
            {"anthropic-ratelimit-tokens-reset": "2026-09-22T00:00:00Z", "anthropic-ratelimit-tokens-remaining": "0"},
            waits.read_value("2026-09-22T00:00:00Z", 1.0, NOW),
        ),
        ({"x-ratelimit-reset-tokens": "172ms"}, 0.172),
        ({"x-ratelimit-reset-tokens": "9s", "x-ratelimit-remaining-tokens": "12"}, None),
    ],
)
def test_announced_limits(headers, seconds):
    """The exhausted limit counts, the others do not."""
    assert waits.from_limits(headers, NOW) == (None if seconds is None else pytest.approx(seconds, abs=1))


def test_a_rate_limit_of_a_day_is_a_quota(classifier):
    """Azure calls it a rate limit and states 86,400 seconds."""
    failure = classifier.classify_response(429, {"Retry-After": "86400"}, b'{"error":{"message":"exceeded token rate limit"}}')
    assert (failure.error_class, failure.retry_after) == ("quota_exceeded", 86400)


def test_what_states_its_end_will_pass(classifier):
    """Where nothing else tells, a stated wait makes a passing fault of it, and a weak one."""
    failure = classifier.classify_response(None, {}, b'{"error": "the gnomes are asleep", "estimated_time": 20.5}')
    assert (failure.error_class, failure.retry_after) == (ErrorClass.TRANSIENT, 20.5)
    assert failure.evidence != Evidence.CERTAIN


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("429 Resource has been exhausted (e.g. check quota). [, retry_delay {\n  seconds: 38\n}\n]", 38),
        ("Quota exceeded. retry_delay { seconds: 12 }", 12),
        ("Erreur API : 429 Limite de requêtes dépassée, réessayez dans 20 secondes", 20),
        ("Demasiadas solicitudes, inténtelo de nuevo en 15 segundos", 15),
        ("Zu viele Anfragen, versuchen Sie es in 2 Minuten erneut, warten Sie 2 Minuten", 120),
        ("Слишком много запросов, повторите через 30 секунд", 30),
        ("Muitas solicitações, aguarde 10 segundos", 10),
        ("429 Too Many Requests (retry 4/10)", None),
        ("overloaded; please wait, job 83472 is queued", None),
        ("exceeded retry limit, last status: 429", None),
        ("Rate limited; retry later (error 1302)", None),
        ("503 overloaded after 2 attempts; time of the last retry: 350 ms", None),
        ("connection reset by peer after 30 s", None),
        ("rate limited, response time (last retry): 15.38ms", None),
    ],
)
def test_what_is_a_wait_and_what_is_none(classifier, text, seconds):
    """A number is one with a unit or right behind its words; never a status, a count, a job, a latency."""
    assert classifier.classify(text).retry_after == seconds


def test_dates_are_read_by_the_servers_clock(classifier):
    """Where the response says what time it is there, an absolute time is as far from that."""
    headers = {"Date": "Mon, 21 Sep 2026 10:00:00 GMT", "Retry-After": "Mon, 21 Sep 2026 10:00:40 GMT"}
    assert classifier.classify_response(429, headers, b"slow down").retry_after == 40


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("again available at 12:00:40 UTC", 20),
        ("Try again at 12:00 UTC", 0),
        ("Usage resets at 1pm (UTC)", 3580),
        ("resets Mon, 30 Nov 2026 12:03:00 GMT", 160),
        ("please wait until then: retry after 30 Nov 2026 12:00:50 GMT", 30),
        ("Down for maintenance until 13:00 UTC", 3580),
        ("Try again at 1796040050", 30),
    ],
)
def test_moments_in_words(text, seconds):
    """Clocks have seconds, one just past is now, and a year is no number of seconds."""
    assert waits.from_text(text, 1_796_040_020.0) == pytest.approx(seconds)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("Window resets in PT2M10S", 130),
        ("retry after PT7.5S", 7.5),
        ("Bitte in 2 Minuten und 5 Sekunden erneut versuchen", 125),
        ("reintente en 1 hora y 20 minutos", 4800),
        ("réessayez dans 1 heure et 10 minutes", 4200),
        ("повторите через 2 ч 3 мин", 7380),
        ("retry in 40000µs", 0.04),
        ("next request allowed in 2,500 milliseconds", 2.5),
        ("Cooldown: 00:02:05", 125),
        ("3分後にもう一度お試しください", 180),
        ("45秒ほどお待ちください", 45),
        ("请等待二十秒后重试", 20),
        ("请一分钟后再试", 60),
        ("请稍后(90s)重试", 90),
        ("espere una hora", 3600),
        ("Warten Sie 25 Sek.", 25),
        ("Backoff 15 seconds", 15),
        ("retry-after=12", 12),
        ("wait_seconds=20: slow down", 20),
        ("try again in 20, please", 20),
    ],
)
def test_durations_of_many_writings(text, seconds):
    """Parts joined by words, ISO 8601, timers, numerals, units of other languages."""
    assert waits.from_text(text, NOW) == pytest.approx(seconds)


@pytest.mark.parametrize(
    "text",
    [
        "retry: 503",
        "Retry 502",
        "after retry 240 errors were seen",
        "Retry 2 failed with 500",
        "Too many requests. Retry 3 of 7",
        "Please retry 4 times at most",
        "Try again in 2 of your 5 regions",
        "retry on December 1, 2026",
    ],
)
def test_a_number_without_a_unit_is_a_count(text):
    """Statuses, attempts and years are no waits."""
    assert waits.from_text(text, NOW) is None


@pytest.mark.parametrize(
    ("headers", "body", "seconds"),
    [
        ({"retry-after": "10"}, {"error": {"message": "Try again in 99 seconds"}}, 10),
        ({"retry-after": "PT12S"}, {}, 12),
        ({"retry-after": "30, 30"}, {}, 30),
        ({"x-retry-after-ms": "2500"}, {}, 2.5),
        ({"ratelimit": "limit=10, remaining=0, reset=14"}, {}, 14),
        ({"ratelimit": '"burst";r=5;t=3, "day";r=0;t=90'}, {}, 90),
        ({}, {"error": {"message": "slow down", "retryAfter": "PT12S"}}, 12),
        ({}, {"detail": "slow down", "wait_time": "3s"}, 3),
        ({}, {"error": {"message": "Throttled retry_delay {\n nanos: 500000000\n}"}}, 0.5),
        ({}, {"error": {"message": "Throttled retry_delay {\\n  seconds: 51\\n}\\n"}}, 51),
        (
            {},
            {
                "error": {
                    "message": "slow down",
                    "metadata": {"headers": {"X-RateLimit-Remaining": "0", "X-RateLimit-Reset": str(int(NOW * 1000) + 5000)}},
                }
            },
            5,
        ),
    ],
)
def test_fields_and_headers(classifier, headers, body, seconds):
    """Headers come first, then fields, then the text."""
    failure = classifier.classify_response(429, headers, json.dumps(body or {"error": {"message": "slow down"}}).encode())
    assert failure.retry_after == pytest.approx(seconds)
