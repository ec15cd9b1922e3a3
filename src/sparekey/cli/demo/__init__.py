"""`sparekey demo`: watch requests survive dead keys. Needs no key and no internet; ends by itself.

Three simulated providers speak the OpenAI wire format over real HTTP on loopback. First they stand behind the `openai` SDK inside a
program (`program`), then behind a gateway that any client can ask (`gateway`).
"""

from __future__ import annotations

import logging
from contextlib import contextmanager
from typing import TYPE_CHECKING, Final

from rich.text import Text

from sparekey.cli import exits
from sparekey.cli.demo import program
from sparekey.cli.problems import how_to_install
from sparekey.errors import MissingExtraError
from sparekey.lab.simulator import Simulator

if TYPE_CHECKING:
    from collections.abc import Iterator
    from types import ModuleType

    from rich.console import Console

NAMES: Final = ("first", "second", "third")


def run(console: Console, *, keep: bool = False) -> int:
    """Play the whole demo on `console`.

    Args:
        console: where it is shown.
        keep: let the gateway run on, with a request a second, until Ctrl-C.

    Returns:
        0 if every call was served and traffic came back, else 1.

    Raises:
        MissingExtraError: the `openai` SDK is not installed; or, with `keep`, the gateway is not.
    """
    gateway = _gateway()
    if keep and gateway is None:
        raise MissingExtraError("the gateway", "gateway")
    with _quiet(), Simulator() as simulator:
        providers = [simulator.provider(name, wire="openai", keys=[f"sim-key-{name}"]) for name in NAMES]
        back = program.play(console, providers)
        if gateway is None:
            console.print(Text(f"\nThe second part needs a package that is not installed:\n{how_to_install('gateway')}"))
        else:
            back = gateway.play(console, providers, keep=keep) and back
    return exits.OK if back else exits.FAILED


def _gateway() -> ModuleType | None:
    """Return the part that needs the extra `gateway`; None if that is not installed."""
    try:
        from sparekey.cli.demo import gateway  # noqa: PLC0415 - see above
    except ImportError as exc:
        if (exc.name or "").partition(".")[0] == "sparekey":
            raise
        return None
    return gateway


@contextmanager
def _quiet() -> Iterator[None]:
    """Keep the log off standard error: the demo prints the same events for people."""
    root, deaf = logging.getLogger(), logging.NullHandler()
    root.addHandler(deaf)
    try:
        yield
    finally:
        root.removeHandler(deaf)
