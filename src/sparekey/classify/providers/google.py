"""Google (Gemini API, Vertex AI): reasons of google.rpc.ErrorInfo; cloud.google.com/apis/design/errors."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.model import AUTH, TRANSIENT, meaning
from sparekey.types import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.classify.model import Meaning

STRINGS: Final[Mapping[str, Meaning]] = {
    "consumer suspended": meaning(AUTH, "account_suspended", "google", scope=Scope.ACCOUNT),
    "consumer invalid": meaning(AUTH, "account_suspended", "google", scope=Scope.ACCOUNT),
    "credentials missing": meaning(AUTH, "missing_key", "google"),
    "api key service blocked": meaning(AUTH, "permission_denied", "google: the key is restricted to other services"),
    "api key http referrer blocked": meaning(AUTH, "ip_blocked", "google"),
    "api key ip address blocked": meaning(AUTH, "ip_blocked", "google"),
    "public error user requests throttled": meaning(TRANSIENT, "rate_limited", "google labs"),
}
