"""Volcengine Ark: codes that say something else than their words; www.volcengine.com/docs/82379/1299023."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, LARGE, MODEL, QUOTA, TRANSIENT, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

STRINGS: Final[Mapping[str, Meaning]] = {
    "account overdue error": meaning(AUTH, "account_overdue", "volcengine", scope=Scope.ACCOUNT, certain=True),
    "service overdue": meaning(AUTH, "account_overdue", "volcengine", scope=Scope.ACCOUNT, certain=True),
    "operation denied service overdue": meaning(AUTH, "account_overdue", "volcengine", scope=Scope.ACCOUNT, certain=True),
    "operation denied service not open": meaning(MODEL, "model_not_entitled", "volcengine", certain=True),
    "operation denied file quota exceeded": meaning(QUOTA, "quota_exceeded", "volcengine: file storage"),
    "set limit exceeded": meaning(QUOTA, "spend_limit", "volcengine: a limit that the user set", certain=True),
    "account quota exceeded": meaning(QUOTA, "period_quota", "volcengine: 5 hours, a week, a month", certain=True),
    "quota exceeded": meaning(QUOTA, "period_quota", "volcengine: 5 hours, a week, a month"),
    "model account ipm rate limit exceeded": meaning(TRANSIENT, "rate_limited", "volcengine", scope=Scope.ACCOUNT),
    "model account rpm rate limit exceeded": meaning(TRANSIENT, "rate_limited", "volcengine", scope=Scope.ACCOUNT),
    "model account tpm rate limit exceeded": meaning(TRANSIENT, "rate_limited", "volcengine", scope=Scope.ACCOUNT),
    "api account rpm rate limit exceeded": meaning(TRANSIENT, "rate_limited", "volcengine", scope=Scope.ACCOUNT),
    "account rate limit exceeded": meaning(TRANSIENT, "rate_limited", "volcengine", scope=Scope.ACCOUNT),
    "server overloaded": meaning(TRANSIENT, "overloaded", "volcengine", certain=True),
    "request burst too fast": meaning(TRANSIENT, "rate_limited", "volcengine"),
    "inflight batchsize exceeded": meaning(TRANSIENT, "concurrency", "volcengine"),
    "unsupported model": meaning(MODEL, "model_not_entitled", "volcengine"),
    "invalid parameter oversize image": meaning(LARGE, "payload_too_large", "volcengine", certain=True),
    "invalid parameter oversized image": meaning(LARGE, "payload_too_large", "volcengine", certain=True),
}
