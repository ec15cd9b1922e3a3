"""Spare keys for model APIs: an ordered chain of credentials for chat, vision and embedding models.

Names are loaded on first use, so `import sparekey` costs almost nothing and loads no SDK.
"""

from __future__ import annotations

from importlib import import_module
from typing import Any

from sparekey import _former

_HOMES = {
    "sparekey.types": (
        "ERROR_CLASS_AUTH ERROR_CLASS_CONTENT_SAFETY ERROR_CLASS_INPUT_TOO_LARGE ERROR_CLASS_MODEL_NOT_FOUND "
        "ERROR_CLASS_PERMANENT ERROR_CLASS_QUOTA_EXCEEDED ERROR_CLASS_TRANSIENT ERROR_CLASS_UNKNOWN "
        "Attempt Credential ErrorClass Evidence Failure Outcome Scope Secret Usage"
    ),
    "sparekey.errors": (
        "AllCredentialsFailedError CircuitBreakerOpen ConfigError ContentFilteredError CredentialError CredentialParkedError "
        "DeadlineExceeded DisguisedError IncompleteAnswerError InvalidInputError LimitExceeded MissingExtraError OverloadedError "
        "SparekeyError UnsupportedMediaInputError VectorSpaceError"
    ),
    "sparekey.classify": "classify classify_api_error classify_response",
    "sparekey.engine": "Answer AsyncFailover Chain Failover limits",
    "sparekey.core.splice": "Piece Reading",
    "sparekey.core.policy": "Policy Recovery",
    "sparekey.engine.switcher": "OrderedCredentialSwitcher",
    "sparekey.compat.switching": "CircuitBreaker PrimaryBackupSwitcher",
    "sparekey.compat.failover_vlm": "FailoverVLM",
    "sparekey.engine.retry": "is_retryable_api_error retry_async retry_sync",
    "sparekey.transport": "AsyncFailoverTransport FailoverTransport sdk_options",
    "sparekey.stats.tokens": "TokenTracker",
    "sparekey.vlm": "MultiCredentialVLM ToolCall VLMBase VLMChunk VLMFactory VLMResponse",
    "sparekey.embedding": (
        "DenseEmbedderBase EmbedResult EmbedderBase EmbedderFactory FailoverEmbedder HybridEmbedderBase SparseEmbedderBase "
        "truncate_and_normalize"
    ),
    "sparekey.config": ("Config EmbeddingConfig EmbeddingCredential EmbeddingModelConfig VLMConfig VLMCredential load_config"),
}
_HOME_OF = {name: module for module, names in _HOMES.items() for name in names.split()}

_former.install()

__version__ = "0.1.0"
__all__ = [*sorted(_HOME_OF), "__version__"]  # noqa: PLE0604 - names of the table above


def __getattr__(name: str) -> Any:
    if name not in _HOME_OF:
        raise AttributeError(f"module 'sparekey' has no attribute {name!r}")
    value = getattr(import_module(_HOME_OF[name]), name)
    globals()[name] = value
    return value


def __dir__() -> list[str]:
    return __all__
