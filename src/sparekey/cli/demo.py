"""`sparekey demo`: watch a request survive a dead key. Needs no key and no internet; ends by itself.

Three simulated providers speak the OpenAI wire format over real HTTP on loopback: the first key is out of quota, the second one is
overloaded, the third is well. The official `openai` SDK talks to them behind a `VLMConfig` and an `EmbeddingConfig`.
"""

from __future__ import annotations

import logging
import struct
import time
import zlib
from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any, Final

from rich.live import Live
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sparekey.config import EmbeddingConfig, VLMConfig
from sparekey.core.events import AttemptFailed, AttemptSucceeded, Event, Parked, Probed, Switched
from sparekey.core.status import ChainStatus, CredentialStatus, Standing
from sparekey.simulator import Simulator, faults

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from rich.console import Console

    from sparekey.simulator import Provider

QUOTA_RETURNS_IN: Final = 8.0
"""Seconds after which the first provider says that its quota is reset."""
LONGEST: Final = 20.0
"""Seconds after which the demo gives up waiting for the failback."""
MODELS: Final = {"chat": "sim-chat", "embedding": "sim-embedding"}


def run(console: Console) -> int:
    """Play the whole demo on `console`; return 0 if every call was served and traffic came back, else 1."""
    with _quiet(logging.getLogger("sparekey")), Simulator() as simulator:
        providers = [simulator.provider(name, wire="openai", keys=[f"sim-key-{name}"]) for name in ("first", "second", "third")]
        providers[0].fail(faults.quota(retry_after=QUOTA_RETURNS_IN))
        providers[1].fail(faults.overloaded())
        return _play(console, providers)


@contextmanager
def _quiet(logger: logging.Logger) -> Iterator[None]:
    """The account tells the same as the log, for people: one of the two is enough."""
    before = logger.level
    logger.setLevel(logging.CRITICAL)
    try:
        yield
    finally:
        logger.setLevel(before)


def _play(console: Console, providers: list[Provider]) -> int:
    console.print(_opening(providers))
    vlm, embedder = vlm_config(providers).get_vlm_instance(), embedding_config(providers).get_embedder()
    chat, embedding = Account(console, vlm), Account(console, embedder)
    try:
        chat.call("chat", lambda: str(vlm.get_completion("Why do programs need spare keys?")))
        chat.call("vision", lambda: str(vlm.get_vision_completion("What colour is this?", images=[_red_dot()])))
        chat.call("stream", lambda: "".join(str(chunk) for chunk in vlm.stream_completion("Say it again, slowly.")))
        embedding.call("embedding", lambda: f"a vector of {len(embedder.embed('spare key').dense_vector or ())} numbers")
        console.print(Text("\nThe first account is topped up now; a call a second goes on.", style="bold"))
        providers[0].heal()
        back = _wait_for_failback(console, chat, vlm)
        console.print(_standing(chat.chain.status()), _tokens(chat, embedding, providers), _ending(back=back), sep="\n")
        return 0 if back else 1
    finally:
        vlm.close()
        embedder.close()


def vlm_config(providers: list[Provider]) -> VLMConfig:
    """Return the chain of the demo, as one would write it into sparekey.toml."""
    return VLMConfig.model_validate(
        {
            "provider": "openai",
            "model": MODELS["chat"],
            "credentials": [{"id": p.name, "api_base": p.base_url, "api_key": f"sim-key-{p.name}"} for p in providers],
        }
    )


def embedding_config(providers: list[Provider]) -> EmbeddingConfig:
    """Return the same chain for embeddings: one model, so one vector space."""
    credentials = [{"id": p.name, "api_base": p.base_url, "api_key": f"sim-key-{p.name}"} for p in providers]
    return EmbeddingConfig.model_validate({"dense": {"provider": "openai", "model": MODELS["embedding"], "credentials": credentials}})


class Account:
    """Writes down, as it happens, who answered, why the others did not, and whose tokens were used."""

    def __init__(self, console: Console, wrapper: Any) -> None:
        """Follow the chain of `wrapper` and write to `console`."""
        self.chain, self._tracker, self._console = wrapper.chain, wrapper, console
        self.tokens: Counter[str] = Counter()
        self._label, self._since, self._served = "", 0.0, ""
        self._failed: AttemptFailed | None = None
        self.chain.add_hook(self.note)

    def call(self, label: str, answer: Callable[[], str]) -> None:
        """Make one call and tell what came of it."""
        self._label, self._since, before = label, time.perf_counter(), self._tracker.token_tracker.total.total_tokens
        text = answer()
        used = self._tracker.token_tracker.total.total_tokens - before
        self.tokens[self._served] += used
        self._console.print(Text(f"            “{_shortened(text)}”  {used} tokens", style="dim"))

    def note(self, event: Event) -> None:
        """Tell one event. An endpoint or account that is parked with its credential is not told twice."""
        match event:
            case AttemptFailed():
                self._failed = event
            case Parked(_, float(seconds)) if self._failed is not None:
                self._tell_failure(self._failed, seconds)
                self._failed = None
            case Probed(what) if what.startswith("credential:"):
                self._line("?", "yellow", what.partition(":")[2], "its park has run out: this one request probes it")
            case AttemptSucceeded(credential_id):
                self._served = credential_id
                self._line("✓", "green", credential_id, f"answered after {(time.perf_counter() - self._since) * 1000:.0f} ms")
            case Switched(old, new, failback):
                self._line("→", "cyan", new, f"is active now: {'failback' if failback else 'failover'} from {old}")
            case _:
                pass

    def _tell_failure(self, failed: AttemptFailed, seconds: float) -> None:
        failure, stated = failed.failure, " (stated)" if failed.failure.retry_after else ""
        why = f"{failure.error_class} ({failure.reason})"
        self._line("✗", "red", failed.credential_id, f"{why}: parked for {seconds:.0f} s, until {_clock_in(seconds)}{stated}")

    def _line(self, mark: str, colour: str, credential: str, text: str) -> None:
        self._console.print(Text.assemble((f"{self._label:<10}", "bold"), (f"{mark} ", colour), (f"{credential:<8}", colour), text))
        self._label = ""


def _wait_for_failback(console: Console, account: Account, vlm: Any) -> bool:
    """Go on calling, once a second, until the first credential serves again."""
    started = time.monotonic()
    while account.chain.active_index != 0 and time.monotonic() - started < LONGEST:
        with Live(console=console, refresh_per_second=8, transient=True, get_renderable=lambda: _standing(account.chain.status())):
            time.sleep(1)
        account.call("chat", lambda: str(vlm.get_completion("Still there?")))
    return bool(account.chain.active_index == 0)


# ── what a person sees ──────────────────────────────────────────────────────────────────────────────────────────────────────


def _opening(providers: list[Provider]) -> Panel:
    states = (f"out of quota, back in {QUOTA_RETURNS_IN:.0f} s", "overloaded (503), and stays so", "well")
    rows = Table.grid(padding=(0, 2))
    for index, (provider, state) in enumerate(zip(providers, states, strict=True)):
        rows.add_row(f"[{index}]", Text(provider.name, style="bold"), state, Text(provider.base_url, style="dim"))
    return Panel(rows, title="three simulated providers, the official openai SDK, no key, no internet", title_align="left")


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
    return f"in {row.returns_in:.0f} s, at {_clock_in(row.returns_in)}" if row.returns_in else "now"


def _clock_in(seconds: float) -> str:
    return time.strftime("%H:%M:%S", time.localtime(time.time() + seconds))


def _tokens(chat: Account, embedding: Account, providers: list[Provider]) -> Table:
    table = Table(title="tokens per credential", title_justify="left", title_style="bold")
    table.add_column("credential")
    for column in ("chat tokens", "embedding tokens", "requests it saw"):
        table.add_column(column, justify="right")
    for p in providers:
        table.add_row(p.name, str(chat.tokens[p.name]), str(embedding.tokens[p.name]), str(len(p.requests)))
    return table


def _ending(*, back: bool) -> Text:
    if back:
        return Text("Every call was answered. Traffic is back on the first credential, after one single probe.", style="bold green")
    return Text(
        f"The first credential did not come back within {LONGEST:.0f} s: this should not happen, please report it.", style="bold red"
    )


def _shortened(text: str, width: int = 60) -> str:
    return text if len(text) <= width else text[: width - 1].rstrip() + "…"


def _red_dot() -> bytes:
    """A PNG of one red pixel."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    header = struct.pack(">IIBBBBB", 1, 1, 8, 2, 0, 0, 0)
    return b"\x89PNG\r\n\x1a\n" + chunk(b"IHDR", header) + chunk(b"IDAT", zlib.compress(b"\x00\xff\x00\x00")) + chunk(b"IEND", b"")
