"""Tencent Hunyuan: dotted codes under `Response.Error.Code`; hunyuan/v20230901/errorcodes.py of tencentcloud-sdk-python."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, CONTENT, LARGE, MODEL, QUOTA, TRANSIENT, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

STRINGS: Final[Mapping[str, Meaning]] = {
    "failed operation resource pack exhausted": meaning(QUOTA, "insufficient_balance", "hunyuan", certain=True),
    "failed operation free resource pack exhausted": meaning(QUOTA, "free_tier_exhausted", "hunyuan", certain=True),
    "resource insufficient charge resource exhaust": meaning(QUOTA, "insufficient_balance", "hunyuan", certain=True),
    "failed operation service stop": meaning(
        AUTH, "account_suspended", "hunyuan: the user stopped the service", scope=Scope.ACCOUNT, certain=True
    ),
    "failed operation partner account un support": meaning(
        AUTH, "permission_denied", "hunyuan: partners' accounts", scope=Scope.ACCOUNT, certain=True
    ),
    "failed operation generate image failed": meaning(CONTENT, "moderation", "hunyuan: sensitive content in the image", certain=True),
    "failed operation engine request timeout": meaning(TRANSIENT, "timeout", "hunyuan"),
    "failed operation engine server error": meaning(TRANSIENT, "server_error", "hunyuan"),
    "failed operation service stop arrears": meaning(AUTH, "account_overdue", "hunyuan", scope=Scope.ACCOUNT, certain=True),
    "resource unavailable in arrears": meaning(AUTH, "account_overdue", "hunyuan", scope=Scope.ACCOUNT, certain=True),
    "resource unavailable low balance": meaning(QUOTA, "insufficient_balance", "hunyuan", certain=True),
    "resource unavailable stop using": meaning(
        AUTH, "account_suspended", "hunyuan: the account is stopped", scope=Scope.ACCOUNT, certain=True
    ),
    "resource unavailable not exist": meaning(
        AUTH, "billing_not_active", "hunyuan: billing unknown, not activated", scope=Scope.ACCOUNT, certain=True
    ),
    "failed operation service not activated": meaning(AUTH, "permission_denied", "hunyuan", scope=Scope.ACCOUNT, certain=True),
    "failed operation user un auth error": meaning(AUTH, "org_unverified", "hunyuan", scope=Scope.ACCOUNT, certain=True),
    "failed operation engine server limit exceeded": meaning(TRANSIENT, "concurrency", "hunyuan"),
    "request limit exceeded": meaning(TRANSIENT, "rate_limited", "tencent cloud"),
    "invalid parameter image count limit exceeded error": meaning(LARGE, "batch_too_large", "hunyuan: too many images", certain=True),
    "invalid parameter value model": meaning(MODEL, "model_not_found", "hunyuan"),
    "operation denied text illegal detected": meaning(CONTENT, "moderation", "hunyuan", certain=True),
    "operation denied image illegal detected": meaning(CONTENT, "moderation", "hunyuan", certain=True),
}
