"""What to do about a failure, a sentence each: by reason, else by the commonest reason of its class."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from sparekey.classify.reasons import Reason
from sparekey.types import ErrorClass

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sparekey.types import Failure

BY_REASON: Final[Mapping[str, str]] = {reason.value: reason.remedy for reason in Reason}
BY_CLASS: Final[Mapping[ErrorClass, str]] = {
    ErrorClass.PERMANENT: "Change the request: the provider does not take it as it is.",
    ErrorClass.CONTENT_SAFETY: Reason.MODERATION.remedy,
    ErrorClass.INPUT_TOO_LARGE: "Send less, or use a model with a larger limit.",
    ErrorClass.AUTH: "Check the key and what its account may use.",
    ErrorClass.QUOTA_EXCEEDED: "Raise the account's quota or top up its balance.",
    ErrorClass.MODEL_NOT_FOUND: Reason.MODEL_NOT_FOUND.remedy,
    ErrorClass.TRANSIENT: "Wait and try again: this passes by itself.",
    ErrorClass.UNKNOWN: Reason.UNKNOWN.remedy,
}
"""For the reasons of another version of sparekey."""


def remedy(failure: Failure) -> str:
    """Return what a person can do about a failure, in one sentence."""
    reason = Reason.UNREACHED if failure.unreached else failure.reason
    return BY_REASON.get(reason) or BY_CLASS[failure.error_class]
