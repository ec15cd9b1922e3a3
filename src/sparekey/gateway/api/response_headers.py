"""Which headers of a provider's answer reach a client.

A browser may hold an admin's session for this very origin. So the gateway passes on only what is
listed here, and nothing that a browser would act on: no page, no script, no redirection, no policy.
"""

from __future__ import annotations

import re
from functools import lru_cache
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sparekey.gateway.upstream.messages import Raw

_NOSNIFF: Final = (b"x-content-type-options", b"nosniff")
_BYTES: Final = b"application/octet-stream"
_TYPES: Final = re.compile(
    rb"(?:application/(?:(?:[\w.+-]+\+)?json|x-ndjson|jsonl|octet-stream|zip|pdf|x-subrip|vnd\.amazon\.eventstream)"
    rb"|text/(?:event-stream|plain|csv|vtt|srt)|audio/[\w.+-]+|video/[\w.+-]+|image/(?!svg)[\w.+-]+)\s*(?:;.*)?",
    re.IGNORECASE,
)
"""Content types that APIs answer with. Any other is passed on as plain bytes: a browser would, for
example, run the script in an SVG."""
_NAMES: Final = re.compile(
    rb"content-(?:type|encoding|disposition|language|range)|retry-after(?:-ms)?|cache-control|etag|last-modified|expires|accept-ranges|age"
    rb"|(?:x-)?request-id|(?:x-|[a-z]+-)?ratelimit[\w-]*|(?:x-)?[a-z]+-ratelimit[\w-]*|anthropic-(?!organization)[\w-]+"
    rb"|openai-(?:processing-ms|version|model)|x-(?:ms-|amzn-|amz-|goog-|cloud-|client-|tt-|ds-)?(?:request|trace|log|correlation)-?id"
    rb"|x-(?:ms-region|ms-client-request-id|envoy-upstream-service-time|compute-time|compute-type|inference-time|processing-time)"
    rb"|x-(?:groq|fireworks|together|mistral|deepseek|dashscope|siliconcloud|openrouter|xai|cohere|voyage|goog|vertex)-[\w-]+"
    rb"|server-timing|x-acs-[\w-]+|apim-request-id|azureml-[\w-]+|cf-ray|x-model[\w-]*|x-usage[\w-]*|x-total-[\w-]+|warning|deprecation|sunset",
)
"""Rate limits, request ids, times, and headers that describe the body."""
_ACCOUNT: Final = re.compile(rb"(?:openai|anthropic|x-[a-z]+)-(?:organization|project|account|user|workspace)\b.*")
"""Headers that name the account behind a credential; clients need not know it."""


def handed_on(headers: Iterable[tuple[bytes, bytes]]) -> Raw:
    """Return the headers that reach the client, plus one that forbids browsers to guess types.

    Args:
        headers: names in lower case, with their values, as the provider sent them.
    """
    kept = [pair for pair in headers if _reaches_clients(pair[0])]
    for at, (name, value) in enumerate(kept):
        if name == b"content-type" and not _is_of_an_api(value):
            kept[at] = (name, _BYTES)
    kept.append(_NOSNIFF)
    return kept


@lru_cache(512)
def _reaches_clients(name: bytes) -> bool:
    return _NAMES.fullmatch(name) is not None and _ACCOUNT.fullmatch(name) is None


@lru_cache(64)
def _is_of_an_api(value: bytes) -> bool:
    return _TYPES.fullmatch(value) is not None
