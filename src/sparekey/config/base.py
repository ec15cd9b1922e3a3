"""What configuration models share: strict fields, checked texts, faults as one `ConfigError`."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Annotated, Any, Final, Self
from urllib.parse import urlsplit

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, Field, PlainSerializer, ValidationError

from sparekey.config import variables
from sparekey.config.faults import as_config_error
from sparekey.masking import MASK, mask

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from pydantic._internal._model_construction import ModelMetaclass
else:
    ModelMetaclass = type(BaseModel)  # pydantic's metaclass has no public name


class _RaisesConfigErrors(ModelMetaclass):
    """Makes a call of the class raise `ConfigError`; nested validation does not pass here and keeps its paths."""

    def __call__(cls: type[BaseModel], *args: Any, **kwargs: Any) -> Any:  # type: ignore[misc]  # noqa: N805 - in a metaclass it is one
        try:
            return ModelMetaclass.__call__(cls, *args, **kwargs)
        except ValidationError:
            raise as_config_error(cls, kwargs) from None


class Strict(BaseModel, metaclass=_RaisesConfigErrors):
    """A model that refuses unknown keys and never repeats what it was given in an error."""

    model_config = ConfigDict(extra="forbid", hide_input_in_errors=True, allow_inf_nan=False, arbitrary_types_allowed=True)

    def __repr_args__(self) -> Iterator[tuple[str | None, Any]]:
        """Show a body's values and addresses as a dump does: without what looks like a key."""
        for name, value in super().__repr_args__():
            yield name, _shown(value)

    @classmethod
    def model_validate(cls, obj: Any, **kwargs: Any) -> Self:
        """Read a mapping as pydantic does, but raise `ConfigError` with one line a fault."""
        try:
            return super().model_validate(obj, **kwargs)
        except ValidationError:
            raise as_config_error(cls, obj) from None


# -- checked texts ---------------------------------------------------------------------------------------------------------

_TOKEN: Final = re.compile(r"[!#$%&'*+.^_`|~0-9A-Za-z-]+")
"""The characters of a header's name (RFC 9110, section 5.6.2)."""


def _url(value: str) -> str:
    if variables.unset(value):
        return value  # its credential is left out
    if any(ch.isspace() or not ch.isprintable() for ch in value):
        raise ValueError("holds a space or a line break; write one plain URL")
    if MASK in value:
        raise ValueError("holds ***, which is shown in the place of a key; write the key itself, or ${NAME} for a variable")
    parts = _split(value)
    if parts.scheme not in {"http", "https"}:
        raise ValueError("must begin with https:// or http://")
    if not parts.hostname:
        raise ValueError("names no host; write for example https://api.example.com/v1")
    if parts.username or parts.password:
        raise ValueError("holds a user or password; put the key into api_key or extra_headers")
    return value.rstrip("/")


def _split(value: str) -> Any:
    try:
        parts = urlsplit(value)
        _ = parts.port
    except ValueError:
        raise ValueError("is no URL; write for example https://api.example.com/v1") from None
    return parts


def one_line(value: str) -> str:
    """Return a text that is one line, without space around it.

    Raises:
        ValueError: it holds a line break or a control character.
    """
    if not value.isprintable():
        raise ValueError("holds a line break or a control character")
    return value.strip()


def _headers(value: Mapping[str, str]) -> Mapping[str, str]:
    for name, text in value.items():
        if MASK in text:
            raise ValueError(f"the value of {name!r} holds ***, which is shown in the place of a key; write the key itself")
        if not _TOKEN.fullmatch(name):
            raise ValueError(f"{name[:40]!r} is no header name")
        if any(ch in text for ch in "\r\n\0"):
            raise ValueError(f"the value of {name!r} holds a line break; that would add headers of its own")
    return value


def _shown_headers(value: Mapping[str, str] | None) -> dict[str, str] | None:
    """Return headers for display, with all values masked: any of them may be a key."""
    return None if value is None else dict.fromkeys(value, MASK)


_SECRET_NAME: Final = re.compile(
    r"(token|key|secret|passw(or)?d|passphrase|pwd|auth|authorization|credentials?|signature|cookie)$", re.IGNORECASE
)
"""The end of a name in a body whose text may be a key; `max_tokens` is none."""
_QUERY_VALUE: Final = re.compile(r"(?<=[?&;#])(?!(?:api-)?version=|region=)([^=&;#\s]+=)[^&;#\s]+", re.IGNORECASE)
_MASKED: Final = re.compile(r"(\w+ )?\*\*\*")


def _shown(value: Any, name: str = "") -> Any:
    """Return a part of a body, or a URL, as a dump shows it: without the texts that may be keys by their shape or their name."""
    if isinstance(value, dict):
        return {inner: _shown(part, str(inner)) for inner, part in value.items()}
    if isinstance(value, list):
        return [_shown(inner, name) for inner in value]
    if not isinstance(value, str):
        return value
    if value and _SECRET_NAME.search(name):
        return MASK
    return mask(_QUERY_VALUE.sub(rf"\1{MASK}", value) if "://" in value else value)


def _body(value: dict[str, Any]) -> dict[str, Any]:
    """Refuse a body that was shown, and lost its keys by that."""
    if name := next((name for name, part in value.items() if _is_masked(part)), None):
        raise ValueError(f"the value of {name[:40]!r} is ***, which is shown in the place of a key; write the key itself")
    return value


def _is_masked(value: Any) -> bool:
    if isinstance(value, dict | list):
        return any(map(_is_masked, value.values() if isinstance(value, dict) else value))
    return isinstance(value, str) and _MASKED.fullmatch(value) is not None


def _shown_value(value: Any) -> Any:
    return _shown(value)


def number(value: Any) -> Any:
    """Refuse true and false where a number belongs: Python takes them for 1 and 0."""
    if isinstance(value, bool):
        raise ValueError("must be a number, not true or false")  # noqa: TRY004 - pydantic turns only a ValueError into a line
    return value


Url = Annotated[str, AfterValidator(_url), PlainSerializer(_shown_value, return_type=str)]
"""An http or https URL without a slash at its end."""
Line = Annotated[str, AfterValidator(one_line)]
"""A text without line breaks."""
Name = Annotated[Line, Field(min_length=1, max_length=200)]
"""A line that is not empty."""
Headers = Annotated[dict[str, str], AfterValidator(_headers), PlainSerializer(_shown_headers)]
"""Header names and values that cannot smuggle in further headers; a dump shows the names."""
Body = Annotated[dict[str, Any], AfterValidator(_body), PlainSerializer(_shown_value)]
"""Fields of a JSON body; a dump shows them without what looks like a key."""
Count = Annotated[int, Field(strict=True, ge=0)]
"""A whole number, 0 or more."""
Positive = Annotated[int, Field(strict=True, gt=0)]
"""A whole number, 1 or more."""
Span = Annotated[float, BeforeValidator(number), Field(gt=0)]
"""A time in seconds, more than 0."""
