"""The configuration of a chat and vision model: `VLMConfig` and its credentials."""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Annotated, Any, ClassVar

from pydantic import Field, PrivateAttr, model_validator

from sparekey.config import legacy
from sparekey.config.base import Body, Line, Positive, Span, Strict
from sparekey.config.chain import BaseChain, BaseCredential, ConnectionFields
from sparekey.providers import Family

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence
    from pathlib import Path

    from sparekey.vlm.base import VLMBase
    from sparekey.vlm.images import Image
    from sparekey.vlm.types import VLMResponse


class _VLMFields(ConnectionFields):
    extra_request_body: Body | None = Field(None, repr=False, description="Further fields of the JSON body of each request.")
    reasoning_effort: Line | None = Field(
        None, description="How much the model thinks (`low`, `medium`, `high`, ...), in OpenAI's format, Ark's and through LiteLLM."
    )
    stream: bool | None = Field(None, description="Ask for streamed answers.")
    max_tokens: Positive | None = Field(None, description="Most tokens of an answer; without it the provider's own limit.")
    forward_api_key: bool | None = Field(None, description="Hand the key to LiteLLM; without it LiteLLM's own rules (litellm).")


class VLMCredential(_VLMFields, BaseCredential):
    """One credential of a chat and vision model."""


class VLMMediaConfig(Strict):
    """How audio and video are handled by models that take them."""

    file_processing_timeout: Span = Field(1800.0, description="Longest wait in seconds until the provider has prepared a file.")
    file_poll_interval: Span = Field(3.0, description="Seconds between two questions whether it has.")
    video_fps: Annotated[float, Field(ge=0.2, le=5.0)] = Field(1.0, description="Frames taken from a second of video.")


class VLMConfig(_VLMFields, BaseChain[VLMCredential]):
    """A chat and vision model behind a chain of credentials.

    `get_vlm_instance()` gives the one instance of this configuration; changes made to the configuration after that show only
    after `close()`. Older forms (`backup`, `providers`, `backend`, plain keys) are read with one warning line.

    Raises:
        ConfigError: something is wrong; one line a fault, never a key.
    """

    family: ClassVar[Family] = "vlm"
    shared: ClassVar[tuple[str, ...]] = (
        "model",
        "account",
        "extra_request_body",
        "reasoning_effort",
        "stream",
        "max_tokens",
        "forward_api_key",
    )

    temperature: Annotated[float, Field(ge=0, le=2)] | None = Field(None, description="Temperature; without it the provider's own.")
    thinking: bool = Field(False, description="Let the model think before it answers, where that can be chosen.")
    timeout: Span = Field(600.0, description="Seconds for one attempt.")
    media: VLMMediaConfig = Field(default_factory=VLMMediaConfig, description="Audio and video.")

    _tracker: Any = PrivateAttr(default=None)

    @model_validator(mode="before")
    @classmethod
    def _modern(cls, data: Any) -> Any:
        return legacy.on_the_way_in(_with_backup_as_table(data), "vlm")

    def get_vlm_instance(self) -> VLMBase:
        """Return the model: the lone instance for one credential, a `MultiCredentialVLM` for more. Built once, then kept.

        Raises:
            ConfigError: a key is not where its reference says.
            MissingExtraError: the provider's SDK is not installed.
        """
        # Imports run downwards only, so the layer above is looked up by name.
        instance: VLMBase = self._cached(self._build)
        return instance

    def _build(self) -> VLMBase:
        instance: VLMBase = import_module("sparekey.vlm.factory").build(self)
        if self._tracker is not None:
            instance.bind_token_tracker(self._tracker)
        return instance

    # -- the names that programs of OpenViking call --------------------------------------------------------------------------

    @property
    def backup(self) -> None:
        """None: what stood there is the second of `credentials`."""
        return

    def is_available(self) -> bool:
        """Tell whether any credential can be called: its key is there as far as a look shows, or it needs none."""
        return any(one.can_be_called("vlm") for one in self.credentials)

    def set_token_usage_tracker(self, tracker: Any) -> None:
        """Count in a tracker of the caller's from now on (see `VLMBase.bind_token_tracker`)."""
        self._tracker = tracker
        if self._instance is not None:
            self._instance.bind_token_tracker(tracker)

    def get_completion(self, prompt: str = "", **options: Any) -> VLMResponse:
        """Answer a text or a conversation (see `VLMBase.get_completion`)."""
        return self.get_vlm_instance().get_completion(prompt, **options)

    async def get_completion_async(self, prompt: str = "", **options: Any) -> VLMResponse:
        """Answer a text or a conversation, asynchronously."""
        return await self.get_vlm_instance().get_completion_async(prompt, **options)

    def get_vision_completion(self, prompt: str = "", images: Sequence[Image] | None = None, **options: Any) -> VLMResponse:
        """Answer a text with images."""
        return self.get_vlm_instance().get_vision_completion(prompt, images, **options)

    async def get_vision_completion_async(self, prompt: str = "", images: Sequence[Image] | None = None, **options: Any) -> VLMResponse:
        """Answer a text with images, asynchronously."""
        return await self.get_vlm_instance().get_vision_completion_async(prompt, images, **options)

    def supports_media(self, *, media_type: str, filename: str, size_bytes: int) -> bool:
        """Tell whether any credential's model takes an audio or video file."""
        return self.is_available() and self.get_vlm_instance().supports_media(
            media_type=media_type, filename=filename, size_bytes=size_bytes
        )

    async def get_media_completion_async(
        self,
        *,
        prompt: str,
        media_path: str | Path,
        filename: str,
        media_type: str,
        prepare_media: Callable[[], Awaitable[None]] | None = None,
    ) -> str:
        """Answer a text about one audio or video file.

        Args:
            prompt: the text.
            media_path: where the file is.
            filename: its name; the ending tells the format.
            media_type: `audio` or `video`.
            prepare_media: awaited before the file is read.
        """
        if prepare_media is not None:
            await prepare_media()
        return await self.get_vlm_instance().get_media_completion_async(
            prompt=prompt, media_path=media_path, filename=filename, media_type=media_type
        )

    def _settings(self) -> dict[str, Any]:
        return {
            "temperature": self.temperature,
            "thinking": self.thinking,
            "timeout": self.timeout,
            "media": self.media.model_dump(),
        }


def _with_backup_as_table(data: Any) -> Any:
    """Let programs write `backup=VLMConfig(...)`: it is read as the table that would say the same."""
    backup = data.get("backup") if isinstance(data, dict) else None
    if not isinstance(backup, VLMConfig):
        return data
    first, *others = backup.credentials
    table = {name: getattr(backup, name) for name in backup.model_fields_set if name in VLMConfig.model_fields and name != "credentials"}
    table |= {name: value for name in VLMCredential.model_fields if name != "id" and (value := getattr(first, name)) is not None}
    return {**data, "backup": {**table, "backup": True} if others else table}
