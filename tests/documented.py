"""The fenced blocks of README.md and docs/, and the commands in them."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parent.parent
PAGES = tuple(sorted(path for path in (*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md")) if path.name != "CHANGELOG.md"))
SHELL = ("console", "bash", "sh", "shell")
_FENCE = re.compile(r"^( *)(?P<fence>```+|~~~+)(?P<language>[\w+-]*)[^\n]*\n(?P<text>.*?)^\1(?P=fence) *$", re.MULTILINE | re.DOTALL)


@dataclass(frozen=True)
class Block:
    """A fenced block: its page relative to the root, the number of its first line, its language and its text."""

    page: str
    line: int
    language: str
    text: str

    def __str__(self):
        return f"{self.page}:{self.line}"


@dataclass(frozen=True)
class Command:
    """A command of a page, without its prompt, and the output that the page shows below it."""

    block: Block
    words: str
    output: str = ""

    def __str__(self):
        return f"{self.block.page}: {' '.join(self.words.split())[:70]}"


def blocks(*languages, pages=PAGES):
    """The blocks of the pages in these languages; without languages, all."""
    found = []
    for page in pages:
        text = page.read_text(encoding="utf-8")
        for match in _FENCE.finditer(text):
            lines = [line.removeprefix(match[1]) for line in match["text"].splitlines()]
            where = text.count("\n", 0, match.start()) + 2
            found.append(Block(str(page.relative_to(ROOT)), where, match["language"], "\n".join(lines) + "\n"))
    return [block for block in found if not languages or block.language in languages]


def commands(block):
    """The commands of a block: of `console` what stands behind a prompt, of a script each line; a backslash joins lines."""
    text = re.sub(r"\\\n\s*", "", block.text)
    if block.language != "console":
        return [Command(block, line) for line in text.splitlines() if line.strip() and not line.startswith("#")]
    found = re.split(r"^\$ ", text, flags=re.MULTILINE)
    assert not found[0].strip(), f"{block}: the block begins with no command"
    return [Command(block, one.partition("\n")[0], one.partition("\n")[2]) for one in found[1:]]
