"""The older pair of a primary and a backup.

For more than two instances, and for every class of error, use `MultiCredentialVLM`.
"""

from __future__ import annotations

import logging
from contextlib import aclosing
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sparekey.compat.switching import PrimaryBackupSwitcher
from sparekey.engine.annotate import annotate
from sparekey.errors import describe_exception
from sparekey.vlm.reading import ChunkReading, has_content
from sparekey.vlm.wrapper import (
    WrapperVLM,
    annotated,
    annotated_async,
    held_back,
    held_back_async,
    no_media,
    size_of,
    takes,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from sparekey.core.splice import Follower, Piece
    from sparekey.vlm.images import Image
    from sparekey.vlm.types import VLMChunk

_log: Final = logging.getLogger("sparekey.vlm")
_READING: Final = ChunkReading()


class _Delivered:
    """What the caller has seen of the primary's stream.

    Attributes:
        _begun: anything.
        _pieces: what was read of it; None: something else than chunks was shown.
        _follower: makes the backup's chunks follow it; None: they are yielded as they are.
    """

    def __init__(self) -> None:
        self._begun = False
        self._pieces: list[Piece] | None = []
        self._follower: Follower[Any] | None = None

    def add(self, item: Any) -> None:
        self._begun = True
        if self._pieces is not None and (pieces := _READING.pieces(item)) is not None:
            self._pieces += pieces
        else:
            self._pieces = None

    def lets_follow(self) -> bool:
        """Tell whether another answer may follow: nothing was shown, or thoughts alone."""
        if self._begun and self._pieces is not None:
            self._follower = _READING.following(None, self._pieces)
        return not self._begun or self._follower is not None

    def follow(self, item: Any) -> Sequence[Any]:
        return (item,) if self._follower is None else self._follower(item)


class FailoverVLM(WrapperVLM):
    """A primary, and a backup that takes over when the primary's error is of certain classes.

    These are `permanent`, `auth` and `quota_exceeded`. Errors of other classes are raised as they
    are; if the backup fails too, its error is raised. All errors carry the attributes
    `sparekey_credential_id` (`primary` or `backup`), `sparekey_model` and `sparekey_api_base`.

    Attributes:
        primary: the first instance.
        backup: the second instance.
    """

    def __init__(self, primary: Any, backup: Any, failback_timeout_seconds: float = 600.0, failback_request_count: int = 50) -> None:
        """Pair two instances.

        Args:
            primary: answers as long as it can.
            backup: answers when the primary cannot.
            failback_timeout_seconds: seconds on the backup after which the primary is tried again.
            failback_request_count: requests to the backup after which the primary is tried again,
                even earlier.
        """
        super().__init__([primary, backup])
        self.primary, self.backup = primary, backup
        self._switcher = PrimaryBackupSwitcher(failback_timeout_seconds, failback_request_count)

    @property
    def is_using_backup(self) -> bool:
        """Whether requests go to the backup now."""
        return self._switcher.is_using_backup

    def update_token_usage(self, *args: Any, **kwargs: Any) -> None:
        """Count a call at the instance in use."""
        (self.backup if self.is_using_backup else self.primary).update_token_usage(*args, **kwargs)

    def _call(self, method: str, options: dict[str, Any]) -> Any:
        if self._switcher.should_try_primary():
            try:
                answer = getattr(self.primary, method)(**options)
            except Exception as exc:
                if not self._moves_on(exc):
                    raise
            else:
                self._switcher.record_primary_success()
                self._count(self.primary, answer)
                return answer
        self._switcher.record_backup_request()
        try:
            answer = getattr(self.backup, method)(**options)
        except Exception as exc:
            self._both_failed(exc)
            raise
        self._count(self.backup, answer)
        return answer

    async def _call_async(self, method: str, options: dict[str, Any]) -> Any:
        if self._switcher.should_try_primary():
            try:
                answer = await getattr(self.primary, method)(**options)
            except Exception as exc:
                if not self._moves_on(exc):
                    raise
            else:
                self._switcher.record_primary_success()
                self._count(self.primary, answer)
                return answer
        self._switcher.record_backup_request()
        try:
            answer = await getattr(self.backup, method)(**options)
        except Exception as exc:
            self._both_failed(exc)
            raise
        self._count(self.backup, answer)
        return answer

    def stream_completion(self, prompt: str = "", *, images: Sequence[Image] | None = None, **options: Any) -> Iterator[VLMChunk]:
        """Yield an answer piece by piece.

        The backup may take over as long as nothing but thoughts was yielded, not later; its own thoughts are left out then.
        """
        shown = _Delivered()
        if self._switcher.should_try_primary():
            try:
                for chunk in held_back(self.primary.stream_completion(prompt, images=images, **options), has_content):
                    shown.add(chunk)
                    yield chunk
            except Exception as exc:
                if not self._moves_on(exc) or not shown.lets_follow():
                    raise
            else:
                self._switcher.record_primary_success()
                return
        self._switcher.record_backup_request()
        for chunk in annotated(self.backup.stream_completion(prompt, images=images, **options), "backup", self.backup):
            yield from shown.follow(chunk)

    def stream_completion_async(
        self, prompt: str = "", *, images: Sequence[Image] | None = None, **options: Any
    ) -> AsyncIterator[VLMChunk]:
        """As `stream_completion`, asynchronously."""
        return self._streamed(lambda one: one.stream_completion_async(prompt, images=images, **options), has_content)

    def stream_with_failover(self, stream_factory: Callable[[Any], AsyncIterator[Any]]) -> AsyncIterator[Any]:
        """Yield the items of a stream of your own; the backup may take over until the first item, or as in `stream_completion`.

        Args:
            stream_factory: opens a stream on an instance.
        """
        return self._streamed(stream_factory, lambda _: True)

    async def _streamed(self, factory: Callable[[Any], AsyncIterator[Any]], is_content: Callable[[Any], bool]) -> AsyncIterator[Any]:
        shown = _Delivered()
        if self._switcher.should_try_primary():
            try:
                stream = annotated_async(factory(self.primary), "primary", self.primary)
                async with aclosing(held_back_async(stream, is_content)) as items:
                    async for item in items:
                        shown.add(item)
                        yield item
            except Exception as exc:
                if not self._moves_on(exc) or not shown.lets_follow():
                    raise
            else:
                self._switcher.record_primary_success()
                return
        self._switcher.record_backup_request()
        async with aclosing(annotated_async(factory(self.backup), "backup", self.backup)) as items:
            async for item in items:
                for one in shown.follow(item):
                    yield one

    async def get_media_completion_async(self, *, prompt: str, media_path: str | Path, filename: str, media_type: str) -> str:
        """Return the answer to a text about an audio or video file, from an instance that takes it.

        Args:
            prompt: the text.
            media_path: the path of the file.
            filename: the file's name, as the provider gets it.
            media_type: its MIME type.

        Raises:
            UnsupportedMediaInputError: neither instance takes the file.
        """
        size = await size_of(media_path)
        options = {"prompt": prompt, "media_path": Path(media_path), "filename": filename, "media_type": media_type}
        able = [name for name, one in (("primary", self.primary), ("backup", self.backup)) if takes(one, media_type, filename, size)]
        if not able:
            raise no_media(media_type, filename)
        if len(able) == 1:
            return await self._media_of(able[0], options)
        answer: str = await self._call_async("get_media_completion_async", options)
        return answer

    async def _media_of(self, name: str, options: dict[str, Any]) -> str:
        """Ask the only instance that takes the file. If that is the primary, it is in use again."""
        instance = getattr(self, name)
        try:
            answer: str = await instance.get_media_completion_async(**options)
        except Exception as exc:
            annotate(exc, name, instance)
            raise
        if instance is self.primary:
            self._switcher.record_primary_success()
        return answer

    def _moves_on(self, exc: Exception) -> bool:
        annotate(exc, "primary", self.primary)
        return self._switcher.record_primary_failure(exc)

    def _both_failed(self, exc: Exception) -> None:
        annotate(exc, "backup", self.backup)
        _log.error("the backup failed, too: %s", describe_exception(exc))
