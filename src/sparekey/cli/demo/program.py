"""The first part of the demo: chains inside a program, the official `openai` SDK behind a `VLMConfig` and an `EmbeddingConfig`.

The first key is out of quota, the second one is overloaded, the third is well.
"""

from __future__ import annotations

import struct
import time
import zlib
from collections import Counter
from typing import TYPE_CHECKING, Any, Final

from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sparekey.cli.demo.narrator import Narrator, clock_in
from sparekey.config import EmbeddingConfig, VLMConfig
from sparekey.core.events import AttemptSucceeded, Event
from sparekey.core.status import ChainStatus, CredentialStatus, Standing
from sparekey.lab.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.console import Console

    from sparekey.lab.simulator import Provider

QUOTA_RETURNS_IN: Final = 3.0
"""The wait in seconds that the first provider states: longer than a request's patience."""
LONGEST: Final = 20.0
"""Seconds after which the demo gives up waiting for the failback."""
PAUSE: Final = 0.5
"""Seconds between two calls while the demo waits for the failback."""
MODELS: Final = {"chat": "sim-chat", "embedding": "sim-embedding"}


def play(console: Console, providers: list[Provider]) -> bool:
    """Play it on `console`; return whether a failback to the first credential came."""
    providers[0].fail(faults.quota(retry_after=QUOTA_RETURNS_IN))
    providers[1].fail(faults.overloaded())
    console.print(_opening(providers))
    vlm, embedder = vlm_config(providers).get_vlm_instance(), embedding_config(providers).get_embedder()
    chat, embedding = DemoNarrator(console, vlm), DemoNarrator(console, embedder)
    try:
        chat.call("chat", lambda: str(vlm.get_completion("Why do programs need spare keys?")))
        chat.call("vision", lambda: str(vlm.get_vision_completion("What colour is this?", images=[_red_dot()])))
        chat.call("stream", lambda: "".join(str(chunk) for chunk in vlm.stream_completion("Say it again, slowly.")))
        embedding.call("embedding", lambda: f"a vector of {len(embedder.embed('spare key').dense_vector or ())} numbers")
        console.print(Text("\nThe first account is topped up now. Calls go on.", style="bold"))
        providers[0].heal()
        back = _wait_for_failback(console, chat, vlm)
        console.print(_standing(chat.chain.status()), _tokens(chat, embedding, providers), _ending(back=back), sep="\n")
        return back
    finally:
        vlm.close()
        embedder.close()


def vlm_config(providers: list[Provider]) -> VLMConfig:
    """Return the chain of the demo, as a sparekey.toml would have it."""
    return VLMConfig.model_validate(
        {
            "provider": "openai",
            "model": MODELS["chat"],
            "credentials": [{"id": p.name, "api_base": p.base_url, "api_key": f"sim-key-{p.name}"} for p in providers],
        }
    )


def embedding_config(providers: list[Provider]) -> EmbeddingConfig:
    """Return the same chain for embeddings: one model, so one space."""
    credentials = [{"id": p.name, "api_base": p.base_url, "api_key": f"sim-key-{p.name}"} for p in providers]
    return EmbeddingConfig.model_validate({"dense": {"provider": "openai", "model": MODELS["embedding"], "credentials": credentials}})


class DemoNarrator(Narrator):
    """Prints, as it happens, who answered, why the others did not, and whose tokens were used."""

    def __init__(self, console: Console, wrapper: Any) -> None:
        """Follow the chain of `wrapper` and print to `console`."""
        super().__init__(console)
        self.chain, self._tracker = wrapper.chain, wrapper
        self.tokens: Counter[str] = Counter()
        self._since, self._served = 0.0, ""
        self.chain.add_hook(self.note)

    def call(self, label: str, answer: Callable[[], str]) -> None:
        """Make one call and print its result."""
        self.begin(label)
        self._since, before = time.perf_counter(), self._tracker.token_tracker.total.total_tokens
        text = answer()
        used = self._tracker.token_tracker.total.total_tokens - before
        self.tokens[self._served] += used
        self.aside(f"“{_shortened(text)}”  {used} tokens")

    def note(self, event: Event) -> None:
        """Print one event."""
        if isinstance(event, AttemptSucceeded):
            self._served = event.credential_id
            self.line("✓", "green", self._served, f"answered after {(time.perf_counter() - self._since) * 1000:.0f} ms")
        super().note(event)


def _wait_for_failback(console: Console, account: DemoNarrator, vlm: Any) -> bool:
    """Call again and again until the first credential serves."""
    started = time.monotonic()
    while account.chain.active_index != 0 and time.monotonic() - started < LONGEST:
        with Live(console=console, refresh_per_second=8, transient=True, get_renderable=lambda: _standing(account.chain.status())):
            time.sleep(PAUSE)
        account.call("chat", lambda: str(vlm.get_completion("Still there?")))
    return bool(account.chain.active_index == 0)


# ── what a person sees ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _opening(providers: list[Provider]) -> Panel:
    states = (f"out of quota, back in {QUOTA_RETURNS_IN:.0f} s", "overloaded (503), and stays so", "well")
    rows = Table.grid(padding=(0, 2))
    for index, (provider, state) in enumerate(zip(providers, states, strict=True)):
        rows.add_row(f"[{index}]", Text(provider.name, style="bold"), state, Text(provider.base_url.removeprefix("http://"), style="dim"))
    return Panel(rows, title="1: in a program. Three simulated providers behind the openai SDK", title_align="left")


def _standing(status: ChainStatus) -> Table:
    table = Table(title="the chain now", title_justify="left", title_style="bold")
    for column in ("", "credential", "standing", "why", "returns"):
        table.add_column(column)
    for row in status.credentials:
        table.add_row("▶" if row.active else " ", row.id, Text(row.standing, style=_style(row)), _why(row), _returns(row))
    return table


def _style(row: CredentialStatus) -> str:
    return {Standing.ACTIVE: "green", Standing.READY: "green", Standing.PARKED: "red"}.get(row.standing, "yellow")


def _why(row: CredentialStatus) -> str:
    return f"{row.cause} ({row.reason})" if row.cause else ""


def _returns(row: CredentialStatus) -> str:
    if row.returns_in is None:
        return ""
    return f"in {row.returns_in:.0f} s, at {clock_in(row.returns_in)}" if row.returns_in else "now"


def _tokens(chat: DemoNarrator, embedding: DemoNarrator, providers: list[Provider]) -> Table:
    table = Table(title="tokens per credential", title_justify="left", title_style="bold")
    table.add_column("credential")
    for column in ("chat tokens", "embedding tokens", "requests it saw"):
        table.add_column(column, justify="right")
    for p in providers:
        table.add_row(p.name, str(chat.tokens[p.name]), str(embedding.tokens[p.name]), str(len(p.requests)))
    return table


def _ending(*, back: bool) -> Text:
    if back:
        return Text("Every call was answered. One single probe brought traffic back to the first.", style="bold green")
    return Text(
        f"The first credential did not come back within {LONGEST:.0f} s: this should not happen, please report it.", style="bold red"
    )


def _shortened(text: str, width: int = 48) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def _red_dot() -> bytes:
    """A PNG of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00")) + chunk(b"IEND", b"")
