"""Write the synchronous twins of asynchronous modules: one source for both.

    python tools/sync.py            write them anew (`make sync`)
    python tools/sync.py --check    tell which differ from what would be written; exit 1 if one does

Works on tokens, as the scripts of httpcore and hishel do: `await` and `async` go, names change by the tables below, words of docstrings and
comments by one of their own. The result goes through ruff. Whoever wants to change a generated file changes its source.
"""

from __future__ import annotations

import io
import re
import subprocess
import sys
import tokenize
from pathlib import Path
from types import MappingProxyType
from typing import TYPE_CHECKING, NamedTuple

if TYPE_CHECKING:
    from collections.abc import Mapping

ROOT = Path(__file__).parent.parent
PACKAGE = ROOT / "src" / "sparekey"
HEADER = "# Generated from {source} by tools/sync.py: change that file, then `make sync`.\n"


MENDED = "I,F401,UP028,TC"
"""What ruff mends in a twin: the order of imports, those that nobody needs any more, loops that only pass on."""


class Twin(NamedTuple):
    """A source, what is written from it, what that says of itself, and the names that change here alone."""

    source: str
    target: str
    docstring: str
    names: Mapping[str, str] = MappingProxyType({})


TWINS = (
    Twin(
        "transport/asynchronous.py",
        "transport/synchronous.py",
        "The loop of `sparekey.transport.asynchronous` for threads: the same but for `await`.",
        {"anyio": "time"},
    ),
    Twin(
        "engine/asynchronous.py",
        "engine/synchronous.py",
        "The driver of a chain for threads: `sparekey.engine.asynchronous` without `await`; what needs threads is in `thread_race`.",
        {"task_race": "thread_race", "async_pump": "sync_pump", "AsyncSource": "StreamSource", "asleep": "sleep"},
    ),
)
NAMES = {
    **{f"__{name}__": f"__{name.removeprefix('a')}__" for name in ("aiter", "anext", "aenter", "aexit")},
    "aclose": "close",
    "aiter": "iter",
    "anext": "next",
    "aread": "read",
    "aiter_bytes": "iter_bytes",
    "athrow": "throw",
    "handle_async_request": "handle_request",
    "StopAsyncIteration": "StopIteration",
    "asynchronous": "synchronous",
}
"""What an asynchronous name is called on the other side; `AsyncX` is `X`."""
WORDS = {
    "asynchronous": "synchronous",
    "async": "sync",
    "an event loop": "a thread",
    "a task": "a thread",
    "its task": "its thread",
    "caller's task": "caller's thread",
    "in tasks of their own": "in threads of their own",
}
"""The same for words in docstrings and comments."""
_ASYNC = re.compile(r"\b(_?)Async(?=[A-Z])")
_AWAITABLE = re.compile(r"\bAwaitable\[([^\[\]]*)\]")
_IN_TEXT = re.compile(rf"\b({'|'.join(map(re.escape, [*NAMES, *WORDS]))})\b")


def renamed(name: str, names: Mapping[str, str]) -> str:
    """Return what a name of the source is called in the twin."""
    return names.get(name) or NAMES.get(name) or _ASYNC.sub(r"\1", name)


def reworded(text: str) -> str:
    """Return a docstring or a comment as it stands in the twin."""
    return _ASYNC.sub(r"\1", _IN_TEXT.sub(lambda found: NAMES.get(found[0]) or WORDS[found[0]], text))


def unasync(text: str, names: Mapping[str, str]) -> str:
    """Return the synchronous form of a module."""
    lines = _AWAITABLE.sub(r"\1", text).splitlines(keepends=True)
    found: list[str] = []
    row, column, swallow = 1, 0, False
    for token in tokenize.generate_tokens(io.StringIO("".join(lines)).readline):
        (begin_row, begin), (end_row, end) = token.start, token.end
        while row < begin_row:
            found.append(lines[row - 1][column:])
            row, column = row + 1, 0
        gap = lines[row - 1][column:begin] if row <= len(lines) else ""
        found.append("" if swallow else gap)
        swallow = token.type == tokenize.NAME and token.string in {"async", "await"}
        if swallow:
            pass
        elif token.type == tokenize.NAME:
            found.append(renamed(token.string, names))
        elif token.type == tokenize.COMMENT or (token.type == tokenize.STRING and token.string.startswith('"""')):
            found.append(reworded(token.string))
        else:
            found.append(token.string)
        row, column = end_row, end
    return "".join(found)


def generated(twin: Twin) -> str:
    """Return what the twin's file must hold."""
    source = (PACKAGE / twin.source).read_text(encoding="utf-8")
    _, _, rest = source.removeprefix('"""').partition('"""')
    text = f'"""{twin.docstring}"""' + unasync(rest, twin.names)
    text = HEADER.format(source=f"src/sparekey/{twin.source}") + text
    name = str(PACKAGE / twin.target)
    fixed = _ruff(
        ["check", "--fix", "--unsafe-fixes", "--exit-zero", "--quiet", "--select", "I,F401,UP028,TC", "--stdin-filename", name], text
    )
    return _ruff(["format", "--quiet", "--stdin-filename", name], fixed)


def _ruff(arguments: list[str], text: str) -> str:
    ruff = Path(sys.executable).with_name("ruff")
    command = [str(ruff) if ruff.exists() else "ruff", *arguments, "-"]
    return subprocess.run(command, input=text, capture_output=True, text=True, check=True, cwd=ROOT, encoding="utf-8").stdout


def main(arguments: list[str]) -> int:
    stale = 0
    for twin in TWINS:
        target, text = PACKAGE / twin.target, generated(twin)
        if target.exists() and target.read_text(encoding="utf-8") == text:
            continue
        stale += 1
        if "--check" in arguments:
            print(f"{target.relative_to(ROOT)} is not what src/sparekey/{twin.source} gives: run `make sync`")
        else:
            target.write_text(text, encoding="utf-8")
            print(f"wrote {target.relative_to(ROOT)}")
    return int(bool(stale) and "--check" in arguments)


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
