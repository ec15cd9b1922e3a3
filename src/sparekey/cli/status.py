"""`sparekey status`: shows who serves in a running gateway, why others do not, what is next."""

from __future__ import annotations

import json as json_
import os
import time
from typing import TYPE_CHECKING, Any, Final

import httpx2
from rich.console import Group
from rich.live import Live
from rich.table import Table
from rich.text import Text

from sparekey.cli import exits, render
from sparekey.cli.problems import GatewayUnreachedError

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from rich.console import Console, RenderableType

_TIMEOUT: Final = 5.0
_LEVELS: Final[Mapping[str, tuple[bool | None, str]]] = {
    "ok": (True, render.GOOD),
    "spare": (None, render.WARN),
    "down": (False, render.BAD),
}
_EVERY: Final = 1.0
_WIDE: Final = 140
"""Terminal columns from which explanations get a column of the table."""
_NARROW: Final = 72
"""Terminal columns below which failures and tokens are left out."""
_MINUTE: Final = 60


def run_status(url: str, *, json: bool = False, watch: bool = False) -> int:
    """Print the state of a gateway; return exit code 1 if a chain is down, else 0.

    Args:
        url: the address of the gateway. `SPAREKEY_ADMIN_KEY` holds its admin key, if it has one.
        json: print the state as JSON.
        watch: show it anew each second until Ctrl-C.

    Raises:
        GatewayUnreachedError: there is no answer.
    """
    state = _state(url)
    if json:
        render.as_json(state)
    elif watch:
        _watch(url, state)
    else:
        render.out().print(_shown(state, render.out()))
    return exits.FAILED if any(chain["level"] == "down" for chain in state["chains"]) else exits.OK


def _watch(url: str, state: Mapping[str, Any]) -> None:
    console = render.out()
    with Live(_shown(state, console), console=console, auto_refresh=False) as live:
        while True:
            time.sleep(_EVERY)
            try:
                live.update(_shown(_state(url), console), refresh=True)
            except GatewayUnreachedError as exc:
                live.update(Text(render.clean(exc), style=render.BAD), refresh=True)


def _state(url: str) -> dict[str, Any]:
    key = os.environ.get("SPAREKEY_ADMIN_KEY")
    headers = {"authorization": f"Bearer {key}"} if key else {}
    try:
        response = httpx2.get(f"{url.rstrip('/')}/admin/api/state", headers=headers, timeout=_TIMEOUT)
    except (httpx2.HTTPError, httpx2.InvalidURL) as exc:
        raise GatewayUnreachedError(f"no gateway answers at {url}: {exc}") from None
    if response.status_code in {401, 403}:
        why = "takes another admin key than that in SPAREKEY_ADMIN_KEY" if key else "asks for its admin key"
        raise GatewayUnreachedError(f"the gateway at {url} {why}", "Put the key of gateway.admin_key into SPAREKEY_ADMIN_KEY.")
    try:
        found = response.json()
    except json_.JSONDecodeError:
        found = None
    if not isinstance(found, dict) or "chains" not in found:
        raise GatewayUnreachedError(f"what answers at {url} is no gateway of sparekey (status {response.status_code})")
    return found


def _shown(state: Mapping[str, Any], console: Console) -> RenderableType:
    page = Table.grid()
    for chain in state["chains"]:
        ok, colour = _LEVELS[chain["level"]]
        heading = Text.assemble(
            (f"{render.sign(ok, console)} ", colour), (f"{chain['name']}: ", "bold"), (render.clean(chain["headline"]), colour)
        )
        page.add_row(heading)
        page.add_row(Text(render.clean(chain["detail"])))
        if following := _following(chain["next"]):
            page.add_row(Text(render.clean(following)))
        if chain["reserve"] and chain["level"] != "ok":
            page.add_row(Text(render.clean(chain["reserve"]), style=render.DIM))
        page.add_row(_rows(chain, console))
        page.add_row("")
    for line in _troubles(state):
        page.add_row(Text(render.clean(line), style=render.WARN))
    return page


def _troubles(state: Mapping[str, Any]) -> Iterator[str]:
    """Yield a line for each fault of the gateway itself."""
    config, store = state["config"], state["store"]
    if config.get("error"):
        yield f"The changed configuration was refused: {config['error']}"
    if store.get("away"):
        yield f"The store {store['kind']} is away, each process goes on with what it knows: {store['away']}"
    if store.get("history_away"):
        yield f"The history {store['history']} cannot be written: {store['history_away']}"


def _following(sentence: Mapping[str, Any]) -> str:
    """Return what happens next, with the time left."""
    time_left = "" if sentence["in"] is None else _countdown(sentence["in"])
    return f"{sentence['before']}{time_left}{sentence['after']}"


def _rows(chain: Mapping[str, Any], console: Console) -> RenderableType:
    """Return a table with a row per credential; if narrow, explanations stand below it."""
    wide, figures = console.width >= _WIDE, ["answers in", "today", "failed", "tokens"]
    if console.width < _NARROW:
        del figures[2:]
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0))
    for column in ("", "credential", "standing", "returns in"):
        table.add_column(
            column, style="" if column else "bold", no_wrap=column in {"returns in", "standing"}, overflow="fold", min_width=len(column)
        )
    for column in figures:
        table.add_column(column, justify="right", no_wrap=column != "answers in")
    if wide:
        table.add_column("why, and what is next")
    for row in chain["credentials"]:
        cells = [*_cells(row, chain["serving"], console)][: 4 + len(figures)]
        table.add_row(*cells, *([render.clean(row["words"])] if wide else []))
    return table if wide else Group(table, _words(chain["credentials"]))


def _cells(row: Mapping[str, Any], serving: str | None, console: Console) -> Iterator[str]:
    arrow = ">" if console.options.ascii_only else "▶"
    yield arrow if row["id"] == serving else ""
    yield render.clean(row["id"])
    yield render.clean(_standing(row, serves=row["id"] == serving))
    yield "" if row["returns_in"] is None else "now" if row["returns_in"] == 0 else _countdown(row["returns_in"])
    yield _answers_in(row)
    yield from map(str, (row["requests"], row["failed"], row["tokens_today"]["total"]))


def _standing(row: Mapping[str, Any], *, serves: bool) -> str:
    """Return the standing of a credential in a word or two."""
    if row.get("failing"):  # gateways from before December 2026 do not send this
        return "failing"
    if row["held"]:
        return "held"
    return "serving" if serves else "others first" if row["soft"] else str(row["standing"])


def _answers_in(row: Mapping[str, Any]) -> str:
    """Return the median time to first content (else to an answer), marked if it is slow."""
    first, whole = (row[which].get("latest", row[which]["median"]) for which in ("first_content", "latency"))
    median = whole if first is None else first
    if median is None:
        return ""
    speed = f"{median * 1000:.0f} ms" if median < 1 else f"{median:.1f} s" if median < _MINUTE else _countdown(median)
    return f"slow: {speed}" if row.get("slow") is not None else speed


def _words(credentials: Iterable[Mapping[str, Any]]) -> Table:
    grid = Table.grid(padding=(0, 2, 0, 0))
    for row in credentials:
        grid.add_row(Text(f"  {render.clean(row['id'])}", style=render.DIM), Text(render.clean(row["words"])))
    return grid


def _countdown(seconds: float) -> str:
    """Return a wait for a running countdown: `9 min 58 s`."""
    whole = round(seconds)
    if whole < _MINUTE:
        return f"{whole} s"
    minutes, rest = divmod(whole, _MINUTE)
    return f"{minutes} min {rest:02} s" if minutes < _MINUTE else f"{minutes // _MINUTE} h {minutes % _MINUTE:02} min"
