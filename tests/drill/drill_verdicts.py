"""Which rows of the catalogue do not pass yet, and why. Strict: a row that gets better or worse must be moved here or away from here."""

from __future__ import annotations

from sparekey.drill import Verdict

NOT_YET = {
    "S07": (Verdict.PARTIAL, "no first-content limit: the slow answer is waited for"),
    "S08": (Verdict.SAFE, "no recovery of a stream that has begun: the caller gets a clean error"),
    "S09": (Verdict.SAFE, "no recovery of a stream that has begun, and no idle limit but the client's own timeout"),
    "S10": (Verdict.SAFE, "no recovery of a stream that has begun"),
    "S14": (Verdict.SAFE, "no recovery of a stream that has begun: the first fault's error"),
    "S15": (Verdict.PARTIAL, "with unlucky jitter (dice above 0.7) the parks add up so that the probe comes 32 s after the recovery"),
    "K17": (Verdict.FAIL, "no first-content limit: keep-alives hold the caller for ever"),
}
