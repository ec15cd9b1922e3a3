"""What all commands share: exceptions become a message and an exit code, warnings become lines."""

# ruff: noqa: PLC0415 - imports that only an error needs come late, so `--help` is quick

from __future__ import annotations

import logging
import sys
import traceback
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

import typer
from typer.core import TyperGroup

from sparekey.cli.output import OutputError, hush

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator


class Commands(TyperGroup):
    """Turns a command's exceptions into a message and an exit code."""

    def invoke(self, ctx: typer.Context) -> Any:  # type: ignore[override]  # typer's own Context, which it hands over here
        """Run a command; turn its exceptions into a message and an exit code."""
        with _narrated():
            try:
                return super().invoke(ctx)
            except BrokenPipeError:  # the reader of the output (`| head`) has closed it: no failure
                hush()
                raise typer.Exit(0) from None
            except OutputError:  # `run` tells it: it may come outside of a command, too
                raise
            except Exception as exc:
                if _is_typers_own(exc):
                    raise
                raise typer.Exit(_report(exc, ctx)) from exc


def remember(name: str) -> Callable[[typer.Context, bool], bool]:
    """Return the callback of an option that may stand before or after the command."""

    def callback(ctx: typer.Context, value: bool) -> bool:
        ctx.meta[f"sparekey.{name}"] = value or ctx.meta.get(f"sparekey.{name}", False)
        return value

    return callback


def _is_typers_own(exc: Exception) -> bool:
    """Return whether typer handles an exception itself (usage errors, `Exit`, `Abort`).

    The module of these classes depends on typer's version.
    """
    return any(cls.__module__.split(".")[0] in {"typer", "click"} for cls in type(exc).__mro__)


def _report(exc: Exception, ctx: typer.Context) -> int:
    from sparekey.cli.problems import problem
    from sparekey.cli.render import show

    if ctx.meta.get("sparekey.debug"):
        from sparekey.masking import mask

        sys.stderr.write(mask("".join(traceback.format_exception(exc))))
    found = problem(exc)
    show(found, json=bool(ctx.meta.get("sparekey.json")))
    return found.exit_code


class _Narrator(logging.Handler):
    """Shows each warning of the library once, although a file may be read repeatedly."""

    def __init__(self, level: int) -> None:
        super().__init__(level)
        self._shown: set[str] = set()

    def emit(self, record: logging.LogRecord) -> None:
        from sparekey.cli.render import note

        line = f"{record.levelname.lower()}: {record.getMessage()}"
        if line not in self._shown:
            self._shown.add(line)
            note(line)


@contextmanager
def _narrated() -> Iterator[None]:
    """Show the configuration's warnings only; commands report the engine's events themselves."""
    handler, loggers = _Narrator(logging.WARNING), (logging.getLogger("sparekey"), logging.getLogger("sparekey.config"))
    quiet = logging.NullHandler()
    loggers[0].addHandler(quiet)
    loggers[1].addHandler(handler)
    before, loggers[1].propagate = loggers[1].propagate, False  # not in the gateway's log again
    try:
        yield
    finally:
        loggers[0].removeHandler(quiet)
        loggers[1].removeHandler(handler)
        loggers[1].propagate = before
