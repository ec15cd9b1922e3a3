"""The demo's second part: the same providers behind a gateway, called by the `openai` client."""

from __future__ import annotations

import time
from contextlib import contextmanager, suppress
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any, Final

from anyio.from_thread import start_blocking_portal
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from sparekey.cli import toml
from sparekey.cli.demo.narrator import Narrator
from sparekey.cli.demo.program import LONGEST, MODELS, PAUSE
from sparekey.gateway.observe.console_host import GatewayHost
from sparekey.gateway.process import server
from sparekey.gateway.process.serve_settings import ServeSettings
from sparekey.lab.simulator import faults

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from openai import OpenAI
    from rich.console import Console

    from sparekey.gateway.api.app import Gateway
    from sparekey.lab.simulator import Provider

WAIT: Final = 3.0
"""The wait in seconds that the first provider states."""


def play(console: Console, providers: Sequence[Provider], *, keep: bool = False) -> bool:
    """Play it on `console`; return whether a failback to the first credential came.

    With `keep` it goes on until Ctrl-C.
    """
    for provider in providers:
        provider.heal()
    with TemporaryDirectory(prefix="sparekey-demo-") as folder:
        file = Path(folder) / "sparekey.toml"
        file.write_text(toml.dumps(configuration(providers)), encoding="utf-8")
        with _served(file, providers) as (url, gateway), _client(url) as client:
            asking = ClientNarrator(console, client)
            gateway.chains["chat"].chain.add_hook(asking.note)
            console.print("", _opening(url), sep="\n")
            back = _fault_and_recovery(asking, providers[0])
            console.print(_ending(back=back))
            if keep:
                _go_on(asking, url, file)
        return back


def configuration(providers: Sequence[Provider]) -> dict[str, Any]:
    """Return the configuration as the content of a file."""
    credentials = [{"id": p.name, "api_base": p.base_url, "api_key": f"sim-key-{p.name}"} for p in providers]
    settings = {"port": 0, "store": "memory", "access_log": False, "stop_timeout": 2}
    return {"vlm": {"provider": "openai", "model": MODELS["chat"], "credentials": credentials}, "gateway": settings}


class ClientNarrator(Narrator):
    """The client's side of the demo, which sees an address and a header only."""

    def __init__(self, console: Console, client: OpenAI) -> None:
        """Create it; it asks with `client` and prints to `console`."""
        super().__init__(console)
        self._client, self._last = client, ""

    def ask(self, label: str = "", *, quiet: bool = False) -> str:
        """Ask once; return the credential that answered, or the empty string.

        Args:
            label: stands before the first line about it.
            quiet: say nothing about an answer if the one before came from the same credential.
        """
        from openai import APIError, APIStatusError  # noqa: PLC0415 - an extra

        self.begin(label)
        try:
            answer = self._client.chat.completions.with_raw_response.create(
                model="chat", messages=[{"role": "user", "content": "Where is the spare key?"}]
            )
        except APIError as exc:
            status = f"HTTP {exc.status_code}" if isinstance(exc, APIStatusError) else type(exc).__name__
            self._told("", "✗", "red", "client", f"{status}: no credential can answer now", quiet=quiet)
            return ""
        who, attempts = answer.headers["x-sparekey-credential"], answer.headers["x-sparekey-attempts"]
        seen = f"x-sparekey-credential: {who}, x-sparekey-attempts: {attempts}"
        self._told(who, "✓", "green", who, seen, quiet=quiet)
        return who

    def _told(self, who: str, mark: str, colour: str, name: str, text: str, *, quiet: bool) -> None:
        if not quiet or who != self._last:
            self.line(mark, colour, name, text)
        self._last = who


def _fault_and_recovery(asking: ClientNarrator, first: Provider) -> bool:
    asking.ask("request 1")
    first.fail(faults.rate_limit(retry_after=WAIT), times=1)
    asking.console.print(Text(f"\nThe first provider now answers 429, Retry-After: {WAIT:.0f}.", style="bold"))
    number, begin = 2, time.monotonic()
    while asking.ask(f"request {number}") != first.name and time.monotonic() - begin < LONGEST:
        number += 1
        time.sleep(2 * PAUSE)
    return time.monotonic() - begin < LONGEST


def _go_on(asking: ClientNarrator, url: str, file: Path) -> None:
    """Ask once a second until Ctrl-C, and print what changes."""
    asking.console.print(_kept(url, file))
    with suppress(KeyboardInterrupt):
        while True:
            asking.ask(quiet=True)
            time.sleep(1)
    asking.console.print(Text("stopped"))


# ── the gateway and its client ──


@contextmanager
def _served(file: Path, providers: Sequence[Provider]) -> Iterator[tuple[str, Gateway]]:
    """Run the gateway in a thread with its own event loop; yield its address and the gateway."""
    running = server.running(ServeSettings(file))
    with start_blocking_portal() as portal, portal.wrap_async_context_manager(running) as (_, application, url):
        assert application.gateway is not None
        portal.call(_let_console_inject, application.gateway, file, providers)
        try:
            yield url, application.gateway
        finally:
            application.gateway.draining = True  # the pages that only listen leave


def _let_console_inject(gateway: Gateway, file: Path, providers: Sequence[Provider]) -> None:
    """Replace the gateway's console by one that knows the simulated providers."""
    gateway.admin.close()
    gateway.admin = GatewayHost(gateway, file, simulated=providers).admin()


@contextmanager
def _client(url: str) -> Iterator[OpenAI]:
    """Return the client as a program would create it, without retries and without a proxy."""
    from openai import DefaultHttpxClient, OpenAI  # noqa: PLC0415 - an extra

    with DefaultHttpxClient(trust_env=False) as http:
        yield OpenAI(base_url=f"{url}/v1", api_key="none-needed-here", max_retries=0, http_client=http)


# ── what a person sees ──


def _opening(url: str) -> Panel:
    text = Text.assemble("The same three, all well again, behind ", (url, "bold"), "\n")
    text.append(f'OpenAI(base_url="{url}/v1") asks for model="chat"')
    return Panel(text, title="2: behind a gateway. Any client, one address", title_align="left")


def _ending(*, back: bool) -> Text:
    if back:
        return Text("No request failed; after the stated wait one probe brought traffic back.", style="bold green")
    return Text(f"The first credential did not come back within {LONGEST:.0f} s: please report it.", style="bold red")


def _kept(url: str, file: Path) -> Panel:
    rows = Table.grid(padding=(0, 2))
    for name, value in (
        ("console", f"{url}/console"),
        ("", "give a credential a fault there, and see here what becomes of it"),
        ("terminal", f"sparekey status --url {url} --watch"),
        ("client", f'OpenAI(base_url="{url}/v1", api_key="-")'),
        ("", 'its model is called "chat"'),
        ("file", str(file)),
        ("", "read anew when it changes"),
    ):
        rows.add_row(Text(name, style="bold"), Text(value, overflow="fold"))
    return Panel(rows, title="the gateway runs on, with a request a second; Ctrl-C stops it", title_align="left")
