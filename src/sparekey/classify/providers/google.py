"""Google (Gemini API, Vertex AI): reasons of google.rpc.ErrorInfo; cloud.google.com/apis/design/errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, TRANSIENT, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

STRINGS: Final[Mapping[str, Meaning]] = {
    "consumer suspended": meaning(AUTH, "account_suspended", "google", scope=Scope.ACCOUNT, certain=True),
    "consumer invalid": meaning(AUTH, "account_suspended", "google", scope=Scope.ACCOUNT, certain=True),
    "credentials missing": meaning(AUTH, "missing_key", "google", certain=True),
    "api key service blocked": meaning(AUTH, "permission_denied", "google: the key is restricted to other services", certain=True),
    "api key http referrer blocked": meaning(AUTH, "ip_blocked", "google", certain=True),
    "api key ip address blocked": meaning(AUTH, "ip_blocked", "google", certain=True),
    "public error user requests throttled": meaning(TRANSIENT, "rate_limited", "google labs"),
}
