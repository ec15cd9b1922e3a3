"""A chain of credentials with the interface of one model."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from sparekey.core.policy import walking_once
from sparekey.engine import AsyncFailover, Chain, Failover
from sparekey.engine.annotate import annotate, attribute, keys_of
from sparekey.providers import prefill
from sparekey.types import Credential
from sparekey.vlm.reading import ChunkReading, usage_of, with_ledger
from sparekey.vlm.wrapper import WrapperVLM, annotated, annotated_async, no_media, size_of, takes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Iterator, Sequence

    from sparekey.vlm.images import Image
    from sparekey.vlm.types import VLMChunk

_READING: Final = ChunkReading()


class MultiCredentialVLM(WrapperVLM):
    """Instances in order of priority. A call goes to the active one first, then to the others in turn until one answers.

    An exception that reaches the caller, and each one in `AllCredentialsFailedError.errors`, carries the attributes
    `sparekey_credential_id`, `sparekey_model` and `sparekey_api_base` (None where an instance does not tell).

    Attributes:
        chain: the engine's chain: its `status()`, its hooks.
    """

    def __init__(
        self,
        vlm_instances: Sequence[Any],
        credential_ids: Sequence[str],
        failback_timeout_seconds: float = 600.0,
        failback_request_count: int = 50,
        *,
        chain: Chain | None = None,
    ) -> None:
        """Put instances into a chain.

        Args:
            vlm_instances: what answers; the first one has the highest priority. Retries inside one credential are the instance's
                own `max_retries`.
            credential_ids: a name for each, in the same order.
            failback_timeout_seconds: seconds since the last switch after which traffic goes one step up again.
            failback_request_count: requests since the last switch after which it does so, too.
            chain: a chain over the same credentials with a policy of its own; without one the ring is walked once a call.

        Raises:
            ValueError: no instance, lists of different lengths, two equal ids, or a chain of other credentials.
        """
        if not vlm_instances:
            raise ValueError("a MultiCredentialVLM needs at least one instance")
        if len(vlm_instances) != len(credential_ids):
            raise ValueError(f"{len(vlm_instances)} instances and {len(credential_ids)} credential ids: each instance needs one id")
        super().__init__(vlm_instances)
        self.chain = chain or Chain(
            [_credential(i, one) for i, one in zip(credential_ids, vlm_instances, strict=True)],
            walking_once(failback_timeout_seconds, failback_request_count),
        )
        if [c.id for c in self.chain.credentials] != list(credential_ids):
            raise ValueError("the chain's credentials are not those of the instances")
        self._vlm_instances = self._members  # the name by which OpenViking finds them
        self._of = dict(zip(credential_ids, vlm_instances, strict=True))
        self._failover, self._failover_async = Failover(self.chain), AsyncFailover(self.chain)
        self._switcher = self.chain.switcher

    @property
    def active_credential_index(self) -> int:
        """Where the next call starts; a pure read."""
        return self.chain.active_index

    @property
    def active_credential_id(self) -> str:
        """The id of the credential where the next call starts; a pure read."""
        return self.chain.active_id

    def update_token_usage(self, *args: Any, **kwargs: Any) -> None:
        """Count a call at the active instance."""
        self._of[self.active_credential_id].update_token_usage(*args, **kwargs)

    def stream_completion(self, prompt: str = "", *, images: Sequence[Image] | None = None, **options: Any) -> Iterator[VLMChunk]:
        """Answer piece by piece. A stream that is slow, silent or broken goes on in another credential's (`stream_recovery`)."""

        def opened(credential: Credential) -> Iterator[VLMChunk]:
            instance = self._of[credential.id]
            stream = instance.stream_completion(prompt, images=images, **options)
            return annotated(stream, credential.id, instance)

        return self._failover.stream(opened, reading=_READING, resume=self._resume("stream_completion", prompt, images, options))

    def stream_completion_async(
        self, prompt: str = "", *, images: Sequence[Image] | None = None, **options: Any
    ) -> AsyncIterator[VLMChunk]:
        """As `stream_completion`, asynchronously."""

        def opened(credential: Credential) -> AsyncIterator[VLMChunk]:
            instance = self._of[credential.id]
            stream = instance.stream_completion_async(prompt, images=images, **options)
            return annotated_async(stream, credential.id, instance)

        resume = self._resume("stream_completion_async", prompt, images, options)
        return self._failover_async.stream(opened, reading=_READING, resume=resume)

    def stream_with_failover(self, stream_factory: Callable[[Any], AsyncIterator[Any]]) -> AsyncIterator[Any]:
        """Yield the items of a stream of one's own making, through other credentials too until the first item is out.

        Where the items are texts, a stream that breaks later is recovered as well.

        Args:
            stream_factory: opens a stream on an instance.
        """

        def opened(credential: Credential) -> AsyncIterator[Any]:
            instance = self._of[credential.id]
            return annotated_async(stream_factory(instance), credential.id, instance)

        return self._failover_async.stream(opened)

    async def get_media_completion_async(self, *, prompt: str, media_path: str | Path, filename: str, media_type: str) -> str:
        """Answer a text about an audio or video file, by an instance that takes it. If the active one does not, it stays active.

        Raises:
            UnsupportedMediaInputError: none of them takes it.
        """
        size = await size_of(media_path)
        able = {name for name, one in self._of.items() if takes(one, media_type, filename, size)}
        if not able:
            raise no_media(media_type, filename)
        options = {"prompt": prompt, "media_path": Path(media_path), "filename": filename, "media_type": media_type}
        attempt = self._attempt_async("get_media_completion_async", options)
        answer: str = await self._failover_async.call(attempt, eligible=lambda c: c.id in able)
        return answer

    def _call(self, method: str, options: dict[str, Any]) -> Any:
        def attempt(credential: Credential) -> Any:
            instance = self._of[credential.id]
            try:
                answer = getattr(instance, method)(**options)
            except Exception as exc:
                annotate(exc, credential.id, instance)
                raise
            self._count(instance, answer)
            return answer

        return with_ledger(self._failover.run(attempt, usage=usage_of))

    async def _call_async(self, method: str, options: dict[str, Any]) -> Any:
        return with_ledger(await self._failover_async.run(self._attempt_async(method, options), usage=usage_of))

    def _attempt_async(self, method: str, options: dict[str, Any]) -> Callable[[Credential], Any]:
        async def attempt(credential: Credential) -> Any:
            instance = self._of[credential.id]
            try:
                answer = await getattr(instance, method)(**options)
            except Exception as exc:
                annotate(exc, credential.id, instance)
                raise
            self._count(instance, answer)
            return answer

        return attempt

    def _resume(
        self, method: str, prompt: str, images: Sequence[Image] | None, options: dict[str, Any]
    ) -> Callable[[Credential, str], Any]:
        """Return what lets an instance go on behind a text, where its provider takes a request that ends with the answer's beginning."""

        def resume(credential: Credential, text: str) -> Any:
            instance = self._of[credential.id]
            found = prefill(attribute(instance, "provider", str), attribute(instance, "model", str))
            if images or found is None:
                return None
            messages = found.continued(options.get("messages") or [{"role": "user", "content": prompt}], text)
            return getattr(instance, method)(**{**options, "messages": messages})

        return resume


def _credential(credential_id: str, instance: Any) -> Credential:
    return Credential(
        credential_id,
        provider=attribute(instance, "provider", str) or "",
        model=attribute(instance, "model", str),
        endpoint=attribute(instance, "api_base", str),
        hidden=keys_of(instance),
    )
