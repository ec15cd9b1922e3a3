"""What wrappers of several instances share. They read attributes with care, since an instance may be of any class."""

from __future__ import annotations

import asyncio
import logging
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sparekey.engine.annotate import annotate, attribute
from sparekey.errors import UnsupportedMediaInputError, describe_exception
from sparekey.stats.tokens import TokenTracker
from sparekey.vlm.base import CallingVLM, VLMBase
from sparekey.vlm.reading import usage_of

if TYPE_CHECKING:
    from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterator, Sequence

_log: Final = logging.getLogger("sparekey.vlm")


class WrapperVLM(CallingVLM):
    """Several instances with the interface of one. Each counts its own tokens; the counts are merged when they are read."""

    def __init__(self, members: Sequence[Any]) -> None:
        """Take the instances, the first one of which lends its attributes."""
        first = members[0]
        limits = [n for m in members if (n := attribute(m, "max_tokens", int)) is not None]
        given = {
            "provider": attribute(first, "provider", str),
            "model": attribute(first, "model", str),
            "temperature": attribute(first, "temperature", int, float),
            "max_tokens": min(limits, default=None),
            "max_retries": attribute(first, "max_retries", int),
            "timeout": attribute(first, "timeout", int, float),
            "thinking": attribute(first, "thinking", bool),
        }
        super().__init__({name: value for name, value in given.items() if value is not None})
        self._members = list(members)
        self._uncounted = TokenTracker()

    @property
    def token_tracker(self) -> TokenTracker:
        """The counts of all instances, as a copy; a tracker that several of them share counts once."""
        return TokenTracker.merged(*self._trackers())

    def reset_token_usage(self) -> None:
        """Let every instance count from zero, one of another make by its tracker."""
        self._uncounted.reset()
        for member in self._members:
            if hasattr(member, "reset_token_usage"):
                member.reset_token_usage()
            elif tracker := attribute(member, "token_tracker", TokenTracker):
                tracker.reset()

    def bind_token_tracker(self, tracker: Any) -> None:
        """Let every instance count in a tracker of the caller's (see `VLMBase.bind_token_tracker`), one of another make as well."""
        for member in self._members:
            if callable(bind := getattr(member, "bind_token_tracker", None)):
                bind(tracker)
            else:
                _bind(member, tracker)

    def is_available(self) -> bool:
        """Tell whether any of the instances can be called; one that does not say counts as one that can."""
        return any(m.is_available() if hasattr(m, "is_available") else True for m in self._members)

    def supports_media(self, *, media_type: str, filename: str, size_bytes: int) -> bool:
        """Tell whether any of the instances takes the file."""
        return any(takes(m, media_type, filename, size_bytes) for m in self._members)

    def close(self) -> None:
        """Close every instance; one that fails at it is logged, and the next one is closed."""
        for member in self._members:
            try:
                _close(member)
            except Exception as exc:  # noqa: BLE001 - of whatever kind: the others are closed all the same
                _log.warning("an instance could not be closed: %s", describe_exception(exc))

    async def aclose(self) -> None:
        """Close every instance from inside an event loop (see `close`)."""
        for member in self._members:
            try:
                await _aclose(member)
            except Exception as exc:  # noqa: BLE001 - of whatever kind: the others are closed all the same
                _log.warning("an instance could not be closed: %s", describe_exception(exc))

    def _count(self, member: Any, answer: Any) -> None:
        """Count the tokens that an answer tells, for an instance that does not count its own."""
        if not hasattr(member, "token_tracker") and not hasattr(member, "get_token_usage") and (usage := usage_of(answer)) is not None:
            self._uncounted.record(attribute(member, "model", str) or "", attribute(member, "provider", str) or "", usage)

    def _trackers(self) -> list[TokenTracker]:
        """Return the trackers behind all instances, wrapped ones included, so that a shared one can be told."""
        found = [self._uncounted]
        foreign: set[int] = set()
        for member in self._members:
            tracker = getattr(member, "token_tracker", None)
            if isinstance(member, WrapperVLM):
                found += member._trackers()  # noqa: SLF001 - of this very class
            elif isinstance(tracker, TokenTracker):
                found.append(tracker)
            elif id(tracker) not in foreign and callable(counted := getattr(member, "get_token_usage", None)):
                foreign |= {id(tracker)} if tracker is not None else set()
                found.append(TokenTracker.from_dict(counted()))
        return found


def _bind(member: Any, tracker: Any) -> None:
    """Bind a tracker to an instance of another make and to what it wraps, where it keeps one in OpenViking's place."""
    while member is not None:
        if hasattr(member, "_token_tracker"):
            member._token_tracker = tracker  # noqa: SLF001 - OpenViking binds it in the same way
        member = vars(member).get("inner") if hasattr(member, "__dict__") else None


def annotated(stream: Iterator[Any], credential_id: str, instance: Any) -> Iterator[Any]:
    """Yield a stream; note on what it raises whose it is."""
    try:
        yield from stream
    except Exception as exc:
        annotate(exc, credential_id, instance)
        raise


async def annotated_async(stream: AsyncIterator[Any], credential_id: str, instance: Any) -> AsyncGenerator[Any]:
    """As `annotated`; the stream is closed with this one."""
    try:
        async for item in stream:
            yield item
    except Exception as exc:
        annotate(exc, credential_id, instance)
        raise
    finally:
        if hasattr(stream, "aclose"):
            await stream.aclose()


def held_back(stream: Iterator[Any], is_content: Callable[[Any], bool]) -> Iterator[Any]:
    """Yield a stream; its preamble is held back until the first content, so that another credential can take over before that."""
    early, items = [], iter(stream)
    for item in items:
        early.append(item)
        if is_content(item):
            break
    yield from early
    yield from items


async def held_back_async(stream: AsyncGenerator[Any], is_content: Callable[[Any], bool]) -> AsyncGenerator[Any]:
    """As `held_back`; the stream is closed with this one."""
    early = []
    async with aclosing(stream):
        async for item in stream:
            early.append(item)
            if is_content(item):
                break
        for item in early:
            yield item
        async for item in stream:
            yield item


def takes(instance: Any, media_type: str, filename: str, size_bytes: int) -> bool:
    """Tell whether an instance takes a file; one that does not know the question takes none."""
    ask = getattr(instance, "supports_media", None)
    return callable(ask) and bool(ask(media_type=media_type, filename=filename, size_bytes=size_bytes))


async def size_of(path: str | Path) -> int:
    """Return the size of a file in bytes, 0 if there is none: whether that is an error is for the backend to say."""
    try:
        return (await asyncio.to_thread(Path(path).stat)).st_size
    except OSError:
        return 0


def no_media(media_type: str, filename: str) -> UnsupportedMediaInputError:
    """Return the error for a file that nobody takes."""
    return UnsupportedMediaInputError(f"no model of this configuration takes the {media_type} input {filename!r}")


async def _aclose(member: Any) -> None:
    if isinstance(member, VLMBase):
        await member.aclose()
    else:
        await asyncio.to_thread(_close, member)


def _close(member: Any) -> None:
    if callable(close := getattr(member, "close", None)):
        close()
