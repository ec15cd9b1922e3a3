"""The fields of a JSON object that is read: each is taken once, if it has the type that it should have; the rest is kept."""

from __future__ import annotations

import re
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final, Self

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

_SNAKE: Final = re.compile(r"[a-z]+(?:_[a-z0-9]+)+")


class Fields:
    """The fields of an object.

    Attributes:
        rest: what nobody has taken yet.
    """

    __slots__ = ("rest",)

    def __init__(self, value: Mapping[str, Any]) -> None:
        """Start with all fields; `value` itself is not changed."""
        self.rest = dict(value)

    def text(self, name: str, default: str = "") -> str:
        """Take a text."""
        return self.rest.pop(name) if isinstance(self.rest.get(name), str) else default

    def whole(self, name: str) -> int | None:
        """Take a whole number."""
        value = self.rest.get(name)
        return self.rest.pop(name) if isinstance(value, int) and not isinstance(value, bool) else None

    def number(self, name: str) -> float | None:
        """Take a number."""
        value = self.rest.get(name)
        return self.rest.pop(name) if isinstance(value, int | float) and not isinstance(value, bool) else None

    def flag(self, name: str) -> bool | None:
        """Take a truth value."""
        return self.rest.pop(name) if isinstance(self.rest.get(name), bool) else None

    def items(self, name: str) -> list[Any]:
        """Take a list."""
        return self.rest.pop(name) if isinstance(self.rest.get(name), list) else []

    def texts(self, name: str) -> tuple[str, ...]:
        """Take a list that holds nothing but texts."""
        value = self.rest.get(name)
        return tuple(self.rest.pop(name)) if isinstance(value, list) and all(isinstance(one, str) for one in value) else ()

    def schema(self, name: str) -> Mapping[str, Any] | None:
        """Take an object as it is."""
        return self.rest.pop(name) if isinstance(self.rest.get(name), dict) else None

    def word(self, name: str, words: Mapping[str, Any]) -> Any:
        """Take one of these words, as what it means; any other value stays, and "" is returned."""
        value = self.rest.get(name)
        if isinstance(value, str) and value in words:
            del self.rest[name]
            return words[value]
        return ""

    @contextmanager
    def inner(self, name: str) -> Iterator[Self]:
        """Read an object within this one; what nobody takes of it goes back to its place. Without one, there are no fields."""
        value = self.rest.get(name)
        inner = type(self)(value if isinstance(value, dict) else {})
        yield inner
        if inner.rest:
            self.rest[name] = inner.rest
        elif isinstance(value, dict):
            del self.rest[name]


class CamelFields(Fields):
    """The fields of an object of an API that takes them in either spelling: `max_output_tokens` is read as `maxOutputTokens`."""

    __slots__ = ()

    def __init__(self, value: Mapping[str, Any]) -> None:
        """Start with all fields, in the API's own spelling; a field that is there in both spellings keeps both."""
        super().__init__(value)
        for name in [name for name in value if isinstance(name, str) and "_" in name]:
            first, *others = name.split("_")
            camel = first + "".join(one.capitalize() for one in others)
            if camel and camel not in value and _SNAKE.fullmatch(name):
                self.rest[camel] = self.rest.pop(name)


def word_of(value: Any) -> str:
    """Return a text, or "" where something else stands in its place."""
    return value if isinstance(value, str) else ""
