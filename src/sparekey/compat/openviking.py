"""sparekey's wrappers in place of OpenViking's own, inside OpenViking's process.

    import sparekey.compat.openviking
    sparekey.compat.openviking.install()

From then on OpenViking builds its chains of credentials from sparekey's `MultiCredentialVLM`,
`FailoverVLM` and `FailoverEmbedder`. OpenViking's own instances stay behind them: they call the
providers, count tokens and write metrics as before. OpenViking understands what the wrappers raise:
errors carry its `ModelErrorKind`, and an exhausted chain is its `AllCredentialsFailedError` as well
as sparekey's.

`python -m sparekey.compat.openviking ARGUMENTS` installs the wrappers and starts `openviking-server
ARGUMENTS`.

This is written for OpenViking 0.5; `make openviking` tests it with the real package.
"""

from __future__ import annotations

import logging
import os
import sys
from importlib import import_module
from typing import TYPE_CHECKING, Any, Final

from sparekey.compat.failover_vlm import FailoverVLM
from sparekey.embedding.multi import FailoverEmbedder
from sparekey.errors import AllCredentialsFailedError, MissingExtraError, SparekeyError
from sparekey.vlm.multi import MultiCredentialVLM

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from types import ModuleType

logger = logging.getLogger("sparekey")

_PLACES: Final = {
    "MultiCredentialVLM": ("openviking.models.vlm.base", "openviking.models.vlm"),
    "FailoverVLM": ("openviking.models.vlm.base", "openviking.models.vlm"),
    "FailoverEmbedder": ("openviking.models.embedder.base", "openviking.models.embedder"),
}
"""The modules in which OpenViking keeps each class: where it is defined, and where it is imported."""

_replaced: dict[tuple[str, str], Any] = {}


def install() -> None:
    """Put sparekey's wrappers in place of OpenViking's; a second call changes nothing.

    Call it before OpenViking builds its models: models that exist already keep its own wrappers.

    Raises:
        ImportError: OpenViking is not installed, or has no such classes.
    """
    if _replaced:
        return
    modules = _modules()
    made = _made(modules)
    for name, places in _PLACES.items():
        for place in places:
            _replaced[place, name] = getattr(modules[place], name)
            setattr(modules[place], name, made[name])
    logger.info("sparekey's wrappers stand in the place of OpenViking's")


def uninstall() -> None:
    """Give OpenViking its own wrappers back."""
    for (place, name), own in _replaced.items():
        setattr(import_module(place), name, own)
    _replaced.clear()


def is_installed() -> bool:
    """Return whether sparekey's wrappers are in place."""
    return bool(_replaced)


def _modules() -> dict[str, ModuleType]:
    names = {place for places in _PLACES.values() for place in places}
    try:
        modules = {name: import_module(name) for name in (*names, "openviking.utils.exceptions", "openviking.models.model_error")}
    except ImportError as exc:
        raise ImportError(f"OpenViking 0.5 cannot be imported here ({exc}); pip install openviking") from exc
    missing = [f"{place}.{name}" for name, places in _PLACES.items() for place in places if not hasattr(modules[place], name)]
    if missing:
        raise ImportError(f"this OpenViking has no {', '.join(missing)}; sparekey knows that of version 0.5")
    return modules


def _made(modules: dict[str, ModuleType]) -> dict[str, type]:
    """Return the classes to install; `isinstance` takes each for OpenViking's base class too."""
    errors, kinds = modules["openviking.utils.exceptions"], modules["openviking.models.model_error"]
    translated = _OpenVikingErrors(errors.AllCredentialsFailedError, kinds.ModelErrorKind)

    class VikingMultiCredentialVLM(_TranslatingVLM, MultiCredentialVLM):
        _translated = translated

    class VikingFailoverVLM(_TranslatingVLM, FailoverVLM):
        _translated = translated

    class VikingFailoverEmbedder(_TranslatingEmbedder, FailoverEmbedder):
        _translated = translated

    made: dict[str, type] = {
        "MultiCredentialVLM": VikingMultiCredentialVLM,
        "FailoverVLM": VikingFailoverVLM,
        "FailoverEmbedder": VikingFailoverEmbedder,
    }
    for name, cls in made.items():
        cls.__name__ = cls.__qualname__ = name
        base = modules[_PLACES[name][0]]
        (base.EmbedderBase if "Embedder" in name else base.VLMBase).register(cls)
    return made


class _OpenVikingErrors:
    """Translates sparekey's exceptions into OpenViking's; a provider's own error stays as it is."""

    def __init__(self, all_failed: type[Exception], kinds: type) -> None:
        """Take OpenViking's class for an exhausted chain, and its kinds of errors."""
        self._kinds: Any = kinds

        class VikingAllCredentialsFailedError(AllCredentialsFailedError, all_failed):  # type: ignore[misc, valid-type]
            """An exhausted chain, for programs of either side."""

        self._exhausted: Any = VikingAllCredentialsFailedError

    def __call__(self, exc: Exception) -> Exception:
        """Return the exception to raise: `exc` with OpenViking's kind, or its counterpart."""
        if isinstance(exc, AllCredentialsFailedError) and not isinstance(exc, self._exhausted):
            exc = self._as_exhausted(exc)
        if isinstance(exc, SparekeyError) and not isinstance(exc.kind, self._kinds):
            exc.kind = self._kinds(exc.kind.value)
        return exc

    def _as_exhausted(self, exc: AllCredentialsFailedError) -> Exception:
        error: AllCredentialsFailedError = self._exhausted.__new__(self._exhausted, *exc.args)
        error.__dict__.update(exc.__dict__)
        error.__cause__, error.__traceback__ = exc.__cause__, exc.__traceback__
        return error


class _TranslatingVLM:
    """The mixin that translates exceptions of a chat wrapper."""

    _translated: Callable[[Exception], Exception]

    def _call(self, method: str, options: dict[str, Any]) -> Any:
        try:
            return super()._call(method, options)  # type: ignore[misc]
        except SparekeyError as exc:
            raise self._translated(exc) from exc.__cause__

    async def _call_async(self, method: str, options: dict[str, Any]) -> Any:
        try:
            return await super()._call_async(method, options)  # type: ignore[misc]
        except SparekeyError as exc:
            raise self._translated(exc) from exc.__cause__

    async def stream_with_failover(self, stream_factory: Callable[[Any], AsyncIterator[Any]]) -> AsyncIterator[Any]:
        """Call the wrapper, and translate its exceptions."""
        try:
            async for item in super().stream_with_failover(stream_factory):  # type: ignore[misc]
                yield item
        except SparekeyError as exc:
            raise self._translated(exc) from exc.__cause__

    async def get_media_completion_async(self, **options: Any) -> str:
        """Call the wrapper, and translate its exceptions."""
        try:
            answer: str = await super().get_media_completion_async(**options)  # type: ignore[misc]
        except SparekeyError as exc:
            raise self._translated(exc) from exc.__cause__
        return answer


class _TranslatingEmbedder:
    """The mixin that translates exceptions of an embedding wrapper."""

    _translated: Callable[[Exception], Exception]

    def _call(self, attempt: Callable[[str, Any], Any]) -> Any:
        try:
            return super()._call(attempt)  # type: ignore[misc]
        except SparekeyError as exc:
            raise self._translated(exc) from exc.__cause__

    async def _acall(self, attempt: Callable[[str, Any], Any]) -> Any:
        try:
            return await super()._acall(attempt)  # type: ignore[misc]
        except SparekeyError as exc:
            raise self._translated(exc) from exc.__cause__


def _name_config(arguments: list[str]) -> None:
    """Set OpenViking's variable for the configuration, which it reads when it is imported."""
    for index, argument in enumerate(arguments):
        name, _, value = argument.partition("=")
        if name == "--config" and (value or arguments[index + 1 :]):
            os.environ["OPENVIKING_CONFIG_FILE"] = value or arguments[index + 1]


def main() -> None:
    """Install the wrappers, then run OpenViking's server with the arguments of this process."""
    _name_config(sys.argv[1:])
    install()
    try:
        server = import_module("openviking_cli.server_bootstrap")
    except ImportError as exc:
        raise MissingExtraError("OpenViking's server", "openviking") from exc
    sys.argv[0] = "openviking-server"
    server.main()


if __name__ == "__main__":
    main()
