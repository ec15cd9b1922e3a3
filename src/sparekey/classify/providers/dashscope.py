"""Alibaba Model Studio (DashScope): codes that say something else than their words; help.aliyun.com/zh/model-studio/error-code."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, CONTENT, MODEL, PERMANENT, QUOTA, TRANSIENT, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

STRINGS: Final[Mapping[str, Meaning]] = {
    "throttling rate quota": meaning(TRANSIENT, "rate_limited", "dashscope"),
    "throttling burst rate": meaning(TRANSIENT, "rate_limited", "dashscope"),
    "limit requests": meaning(TRANSIENT, "rate_limited", "dashscope"),
    "limit burst rate": meaning(TRANSIENT, "rate_limited", "dashscope"),
    "allocation quota free tier only": meaning(QUOTA, "free_tier_exhausted", "dashscope", certain=True),
    "commodity not purchased": meaning(
        AUTH, "not_subscribed", "dashscope: the workspace bought nothing", scope=Scope.ACCOUNT, certain=True
    ),
    "custom role blocked": meaning(CONTENT, "moderation", "dashscope: a rule of the account's own", certain=True),
    "faq rule blocked": meaning(CONTENT, "moderation", "dashscope: a rule of the account's own", certain=True),
    "access denied unpurchased": meaning(MODEL, "model_not_entitled", "dashscope", certain=True),
    "model access denied": meaning(MODEL, "model_not_entitled", "dashscope"),
    "workspace access denied": meaning(AUTH, "permission_denied", "dashscope"),
    "invalid parameter data inspection": meaning(
        PERMANENT, "resource_fetch_failed", "dashscope: the media could not be fetched for inspection"
    ),
    "bad request input download failed": meaning(PERMANENT, "resource_fetch_failed", "dashscope"),
    "model serving error": meaning(TRANSIENT, "server_error", "dashscope"),
}
