"""`sparekey check`: tests each credential once, and says whether each chain could serve."""

from __future__ import annotations

import math
import queue
import threading
from dataclasses import replace
from itertools import groupby
from typing import TYPE_CHECKING, Any, Final

from rich import box
from rich.progress import Progress, SpinnerColumn, TextColumn, TimeElapsedColumn
from rich.table import Table
from rich.text import Text

from sparekey.classify.reasons import Reason
from sparekey.cli import exits, render
from sparekey.cli.inputs import opened
from sparekey.cli.probe_call import SETUP, Finding, ProbeCall
from sparekey.config.faults import dotted
from sparekey.config.files import chains
from sparekey.core.twins import shared_keys, twins
from sparekey.embedding.space import cosine
from sparekey.errors import ConfigError, VectorSpaceError

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator, Mapping, Sequence
    from pathlib import Path

    from rich.console import Console

    from sparekey.config import Config
    from sparekey.embedding.types import EmbedResult

SAME_MODEL: Final = 0.95
"""The lowest allowed cosine of two credentials of the same model."""
DECLARED: Final = 0.7
"""The lowest allowed cosine of two models that are declared to share a space."""
_NORM: Final = 0.02
"""The largest allowed difference of norms, as a share: normalised and other vectors do not mix."""


def compared(findings: Sequence[Finding]) -> list[Finding]:
    """Compare each working embedder of a chain with the first one; return the findings.

    A credential whose vectors disagree is no longer ok.
    """
    first = next((f for f in findings if f.ok), None)
    return [_against(f, first) if first is not None and f is not first and f.ok and f.vectors else f for f in findings]


def _against(finding: Finding, first: Finding) -> Finding:
    try:
        angle, stretch = agreement(finding.vectors, first.vectors)
    except VectorSpaceError as exc:
        return _other_space(finding, str(exc))
    found = replace(finding, cosine=angle)
    least = SAME_MODEL if finding.model == first.model else DECLARED
    if angle < least:
        return _other_space(found, f"its vectors differ from those of {first.credential}: cosine {angle:.3f}, at least {least} expected")
    if stretch > _NORM:
        return _other_space(found, f"its vectors have another length (norm) than those of {first.credential}: {stretch:.0%} apart")
    return replace(found, message=f"{finding.message}, cosine {angle:.4f}")


def _other_space(finding: Finding, message: str) -> Finding:
    reason = Reason("other_space")
    return replace(finding, ok=False, error_class="configuration", reason=reason.value, message=message, remedy=reason.remedy)


def agreement(a: Sequence[EmbedResult], b: Sequence[EmbedResult]) -> tuple[float, float]:
    """Return the lowest cosine over all texts, dense and sparse, and the largest difference of dense norms as a share.

    Raises:
        VectorSpaceError: the vectors differ in kind, number or dimension.
    """
    if len(a) != len(b) or any(x.is_dense != y.is_dense or x.is_sparse != y.is_sparse for x, y in zip(a, b, strict=False)):
        raise VectorSpaceError("its vectors are of another kind")
    angles, stretches = [], [0.0]
    for x, y in zip(a, b, strict=True):
        if x.dense_vector is not None and y.dense_vector is not None:
            angles.append(cosine(x.dense_vector, y.dense_vector))
            stretches.append(abs(math.hypot(*x.dense_vector) / (math.hypot(*y.dense_vector) or 1.0) - 1.0))
        if x.sparse_vector is not None and y.sparse_vector is not None:
            angles.append(_sparse_cosine(x.sparse_vector, y.sparse_vector))
    return min(angles), max(stretches)


def _sparse_cosine(a: Mapping[str, float], b: Mapping[str, float]) -> float:
    names = a.keys() | b.keys()
    return cosine([a.get(n, 0.0) for n in names], [b.get(n, 0.0) for n in names])


_AT_ONCE: Final = 8
_WIDE: Final = 110
"""Terminal columns from which remedies get a column of the table."""
_GRACE: Final = 5.0
"""Seconds that an SDK gets beyond the time limit to notice it."""


def run_check(path: Path | None, *, only: Sequence[str] = (), timeout: float = 30.0, json: bool = False) -> int:
    """Test the credentials of a configuration; return the exit code.

    Args:
        path: the configuration; None: searched for.
        only: ids of credentials; empty: all.
        timeout: seconds for one call.
        json: print JSON instead of tables.

    Raises:
        ConfigError: there is no configuration, or it is wrong.
        BadParameter: no credential has one of the ids in `only`.
    """
    file, config = opened(path)
    if not chains(config):
        raise ConfigError(f"{file}: the configuration has no chain to check: write [vlm], [embedding.dense] or [gateway.chat.NAME]")
    calls = calls_of(config, only)
    console = render.err()
    with Progress(
        SpinnerColumn(), TextColumn("{task.description} {task.completed} of {task.total}"), TimeElapsedColumn(),
        console=console, transient=True, disable=not console.is_terminal,
    ) as progress:  # fmt: skip
        task = progress.add_task("credentials checked:", total=len(calls))
        findings = compared_keys(config, try_all(calls, timeout, lambda: progress.advance(task)))
    verdicts = [(name, compared([*group])) for name, group in groupby(findings, key=lambda f: f.chain)]
    if json:
        render.as_json(as_dict(str(file), verdicts, some=bool(only)))
    else:
        show(render.out(), verdicts, some=bool(only))
    if only:
        return exit_code(findings, [f.ok for f in findings])
    return exit_code(findings, [serves(group) for _, group in verdicts])


def calls_of(config: Config, only: Sequence[str] = ()) -> list[ProbeCall]:
    """Return the calls to make, in the order of the configuration."""
    found = [
        ProbeCall(dotted(path), chain, index)
        for path, chain in chains(config)
        for index, credential in enumerate(chain.credentials)
        if not only or credential.id in only
    ]
    known = [str(c.id) for _, chain in chains(config) for c in chain.credentials]
    if unknown := [name for name in only if name not in known]:
        import typer  # noqa: PLC0415 - the rest of this module needs no typer

        raise typer.BadParameter(f"no credential is called {unknown[0]!r}; there are {', '.join(dict.fromkeys(known))}")
    embedding = [t.name for t in found if t.chain.family == "embedding"]
    return [ProbeCall(t.name, t.chain, t.index, compare=embedding.count(t.name) > 1) for t in found]


def try_all(calls: Sequence[ProbeCall], timeout: float, tick: Callable[[], None] = lambda: None, *, grace: float = _GRACE) -> list[Finding]:
    """Make all calls, several at once; return the findings.

    The command abandons a call that exceeds its time limit by `grace` seconds, so that it always
    ends.
    """
    done: queue.Queue[tuple[int, Finding]] = queue.Queue()
    waiting = iter([(i, call, call.build(timeout)) for i, call in enumerate(calls)])
    turn = threading.Lock()
    for _ in range(min(_AT_ONCE, len(calls))):
        threading.Thread(target=_work, args=(waiting, turn, done), daemon=True).start()
    found: dict[int, Finding] = {}
    while len(found) < len(calls):
        try:
            index, finding = done.get(timeout=timeout + grace)
        except queue.Empty:
            break
        found[index] = finding
        tick()
    return [found.get(i) or call.silent(timeout) for i, call in enumerate(calls)]


def compared_keys(config: Config, findings: Sequence[Finding]) -> list[Finding]:
    """Mark findings whose credential has the key of another one; the keys must be resolved."""
    marks: dict[tuple[str, str], dict[str, Any]] = {}
    for path, chain in chains(config):
        credentials = chain.comparable_credentials()
        for name, pairs in (("twin_of", twins(credentials)), ("shares_key_with", shared_keys(credentials))):
            marks |= {(dotted(path), credentials[index].id): {name: credentials[first].id} for index, first in pairs.items()}
    return [replace(f, **marks.get((f.chain, f.credential), {})) for f in findings]


def _work(waiting: Iterator[tuple[int, ProbeCall, Any]], turn: threading.Lock, done: queue.Queue[tuple[int, Finding]]) -> None:
    while True:
        with turn:
            ready = next(waiting, None)
        if ready is None:
            return
        index, call, built = ready
        done.put((index, built if isinstance(built, Finding) else call.run(built)))


# ── verdicts ──


def counted(findings: Sequence[Finding]) -> tuple[int, int]:
    """Return how many credentials of a chain work, and how many it has; twins count as one."""
    first = [f.twin_of or f.credential for f in findings]
    return len({name for name, f in zip(first, findings, strict=True) if f.ok}), len(set(first))


def serves(findings: Sequence[Finding]) -> bool:
    """Return whether a chain could serve.

    It could if it can be built, a credential works, and all working ones share one space.
    """
    return any(f.ok for f in findings) and not any(_stops(f) or f.reason == "other_space" for f in findings)


def _stops(finding: Finding) -> bool:
    """Return whether this credential keeps its chain from being built."""
    return finding.reason in SETUP and not finding.left_out


def exit_code(findings: Sequence[Finding], verdicts: Sequence[bool]) -> int:
    """Return 2 if something has to be changed in the configuration, 1 if a chain could not serve, else 0."""
    if any(f.reason in SETUP for f in findings):
        return exits.USAGE
    return exits.OK if all(verdicts) else exits.FAILED


def as_dict(file: str, verdicts: Sequence[tuple[str, Sequence[Finding]]], *, some: bool = False) -> dict[str, Any]:
    """Return what `--json` prints; with `some` (not all credentials), `serves` is null."""
    rows = []
    for name, group in verdicts:
        working, there = counted(group)
        serving = None if some else serves(group)
        rows.append({"chain": name, "serves": serving, "working": working, "of": there, "credentials": [f.as_dict() for f in group]})
    found = [f for _, group in verdicts for f in group]
    ok = all(f.ok for f in found) if some else all(row["serves"] for row in rows) and not any(f.reason in SETUP for f in found)
    return {"config": file, "ok": ok, "chains": rows}


# ── tables ──


def show(console: Console, verdicts: Sequence[tuple[str, Sequence[Finding]]], *, some: bool = False) -> None:
    """Print a table for each chain, the providers' messages, and whether the chain could serve.

    With `some` (not all credentials), it prints whether these work.
    """
    for name, findings in verdicts:
        wide = console.width >= _WIDE
        console.print(_table(name, findings, console, wide=wide))
        render.facts(console, [(f"  {f.credential}", _said(f, wide=wide)) for f in findings if not f.ok])
        ok = all(f.ok for f in findings) if some else serves(findings)
        style = render.GOOD if ok else render.BAD
        verdict = _of_some(findings) if some else _verdict(findings)
        console.print(Text(f"{render.sign(ok, console)} {name} {verdict}", style=style), soft_wrap=True)
        console.print()


def _table(name: str, findings: Sequence[Finding], console: Console, *, wide: bool) -> Table:
    """Return the table of a chain; without `wide`, the remedies stand below it."""
    table = Table(title=name, title_justify="left", title_style="bold", box=box.SIMPLE_HEAD, show_edge=False, padding=(0, 1, 0, 0))
    for heading in ("credential", "provider", "model"):
        table.add_column(heading, overflow="fold")
    table.add_column("result", no_wrap=True)
    table.add_column("latency", justify="right", no_wrap=True)
    for heading in ("class (reason)", "remedy")[: 2 if wide else 1]:
        table.add_column(heading, overflow="fold")
    for f in findings:
        result = Text(f"{render.sign(f.ok, console)} {'works' if f.ok else 'fails'}", style=render.GOOD if f.ok else render.BAD)
        latency = Text("" if f.seconds is None else f"{f.seconds * 1000:.0f} ms")
        cause = f"{f.error_class} ({f.reason})" if f.error_class else _key(f) or f.message
        named = [Text(render.clean(text)) for text in (f.credential, f.provider, f.model)]
        table.add_row(*named, result, latency, Text(render.clean(cause)), *([Text(f.remedy)] if wide else []))
    return table


def _key(f: Finding) -> str:
    """Return a remark about a key that is used twice; "" if it is not."""
    return f"same key as {f.twin_of}" if f.twin_of else f"shares the key of {f.shares_key_with}" if f.shares_key_with else ""


def _said(f: Finding, *, wide: bool) -> str:
    """Return the text below the table for a failed credential: its key, the provider's message."""
    return ". ".join(filter(None, (_key(f), f.message if wide else f"{f.remedy} ({f.message})")))


def _of_some(findings: Sequence[Finding]) -> str:
    asked = ", ".join(f.credential for f in findings)
    if all(f.ok for f in findings):
        return f"{asked}: works" if len(findings) == 1 else f"{asked}: all work"
    return f"{asked}: fails" if len(findings) == 1 else f"{asked}: {sum(f.ok for f in findings)} of {len(findings)} work"


def _verdict(findings: Sequence[Finding]) -> str:
    working, there = counted(findings)
    if broken := [f.credential for f in findings if _stops(f)]:
        return f"cannot be built because of {', '.join(broken)}"
    if apart := [f.credential for f in findings if f.reason == "other_space"]:
        return f"could not serve: the vectors of {', '.join(apart)} are of another space"
    if not working:
        return "could not serve: no credential works"
    spare = "" if working > 1 else ", so there is no spare"
    out = [f.credential for f in findings if f.left_out]
    without = "".join(f"; {f.credential} has the key of {f.twin_of}" for f in findings if f.twin_of)
    without += f"; {', '.join(out)} left out: no key" if out else ""
    return f"could serve: {working} of {there} work{spare}{without}"
