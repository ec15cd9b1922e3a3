"""Tencent Hunyuan and Tencent Cloud: dotted codes under `Response.Error.Code`; cloud.tencent.com/document/product/1729."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, CONTENT, QUOTA, TRANSIENT, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

STRINGS: Final[Mapping[str, Meaning]] = {
    "failed operation resource pack exhausted": meaning(QUOTA, "insufficient_balance", "hunyuan"),
    "failed operation free resource pack exhausted": meaning(QUOTA, "free_tier_exhausted", "hunyuan"),
    "resource insufficient charge resource exhausted": meaning(QUOTA, "insufficient_balance", "hunyuan"),
    "failed operation service stop": meaning(AUTH, "account_overdue", "hunyuan: stopped for arrears", scope=Scope.ACCOUNT),
    "failed operation service stop arrears": meaning(AUTH, "account_overdue", "hunyuan", scope=Scope.ACCOUNT),
    "resource unavailable in arrears": meaning(AUTH, "account_overdue", "tencent cloud", scope=Scope.ACCOUNT),
    "failed operation service not activated": meaning(AUTH, "permission_denied", "hunyuan", scope=Scope.ACCOUNT),
    "failed operation user un auth error": meaning(AUTH, "org_unverified", "hunyuan", scope=Scope.ACCOUNT),
    "failed operation engine server limit exceeded": meaning(TRANSIENT, "concurrency", "hunyuan"),
    "request limit exceeded": meaning(TRANSIENT, "rate_limited", "tencent cloud"),
    "operation denied text illegal detected": meaning(CONTENT, "moderation", "hunyuan"),
    "operation denied image illegal detected": meaning(CONTENT, "moderation", "hunyuan"),
}
