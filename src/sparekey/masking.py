"""Keys out of texts: whatever a provider, an SDK or a person wrote, no key leaves through a message."""

from __future__ import annotations

import re

_KEYS = re.compile(r"\b(?:sk|pk|rk|gsk|xai|pa|hf|nvapi|AIza|AKLT|AKIA)[-_]?[A-Za-z0-9_\-]{12,}")


def mask(text: str) -> str:
    """Return `text` with everything that looks like a key replaced by its first four characters and `***`."""
    return _KEYS.sub(lambda m: m.group()[:4] + "***", text)
