"""P06 to P09: the last error a caller sees, equal keys, long stated waits, and one model's limit."""

from __future__ import annotations

import asyncio
import logging
import re
from contextlib import contextmanager
from importlib import import_module
from itertools import pairwise
from typing import TYPE_CHECKING, Final

from sparekey.config.files import Config
from sparekey.lab.drill import wordings
from sparekey.lab.drill.blame import refusing, served, well
from sparekey.lab.drill.cases import Cases, row
from sparekey.lab.drill.client import SDK_DIALECTS
from sparekey.lab.drill.in_process_gateway import KEY
from sparekey.lab.drill.verdict import Check
from sparekey.lab.drill.ways import CallResult, GatewayWay, client, failed, text_from_sdk

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.config import VLMConfig
    from sparekey.lab.drill.virtual_scenario import VirtualScenario

_PATIENCE: Final = 10.0
_LONG: Final = 60.0
"""Seconds: a longer wait belongs into the body, because programs would obey the header in silence."""
_OWN_KEY: Final = re.compile(
    r"x-api-key|your (?:api )?key|(?:invalid|incorrect|expired|unauthori[sz]ed)\W+(?:\w+\W+){0,3}?(?:api.?key|token)"
    r"|(?:api.?key|token)\W+(?:\w+\W+){0,3}?(?:invalid|incorrect|expired|not valid|rejected|disabled)",
    re.IGNORECASE,
)
"""Words that a person reads as "the key that I have set is wrong"."""
_OURS: Final = "sparekey's credential"
"""The words that say whose key it is."""
_DEATHS: Final[Mapping[str, Mapping[str, tuple[str, ...]]]] = {
    "401": {"openai": ("co-key401",), "anthropic": ("ca-key",), "gemini": ("cg-invalid",)},
    "402": {"openai": ("co-arrears402",), "anthropic": ("ca-billing",), "gemini": ("cg-billed",)},
    "mixed": {
        "openai": ("co-invalid", "co-insufficient", "co-arrears402"),
        "anthropic": ("ca-key", "ca-billing", "ca-disabled"),
        "gemini": ("cg-invalid", "cg-billed", "cg-suspended"),
    },
    "a long wait": {"openai": ("wo-reset",), "anthropic": ("wa-reset",), "gemini": ("wg-reset",)},
}
"""How all keys refuse: the ids of wordings, by variant and wire. Keys take turns."""
_DAY: Final = 86_400
_WASTED: Final = 8
_BACK: Final = 15 * 60.0
_LOOK: Final = 5 * 60.0


async def _p06(setting: VirtualScenario) -> list[Check]:
    actors = await setting.open()
    known = {one.id: one for one in wordings.wordings()}
    names = _DEATHS[setting.case.variant][setting.case.wire]
    for i, actor in enumerate(actors):
        actor.acts = refusing(known[names[i % len(names)]])
    since = setting.clock()
    raw = (await setting.ask("a question")).result
    seen = await _as_sdk(setting)
    seconds = setting.clock() - since
    read = (seen.message if seen.chain else "") or seen.first  # people read the message of a chain's error; causes stand beside it
    wait = _seconds((seen.headers or {}).get("retry-after") or (raw.headers or {}).get("retry-after") or "0")
    return [
        Check(f"told after {seconds:.1f} s, {_PATIENCE:g} s are allowed", seconds <= _PATIENCE),
        Check(f"readable: {seen.first[:100]!r}", not seen.served and len(seen.first.strip()) > 20),
        Check(f"the caller's own key is not named: {read[:200]!r}", _OURS in read or not _OWN_KEY.search(read)),
        Check(f"status {seen.status} is not one about the caller's own key", seen.status not in {401, 402, 407}),
        Check(f"Retry-After {wait:.0f}: a wait longer than 60 s belongs into the body", wait <= _LONG),
    ]


def _seconds(text: str) -> float:
    return float(text) if re.fullmatch(r"\d+(\.\d+)?", text) else 0.0


async def _as_sdk(setting: VirtualScenario) -> CallResult:
    """Ask as a program on the wire's official SDK does, with the SDK's own retries."""
    way, wire = setting.way, setting.case.wire
    if not isinstance(way, GatewayWay):
        return (await setting.ask("another question")).result
    given = {"http_options": {"base_url": way.url}} if wire == "gemini" else {"base_url": way.url + SDK_DIALECTS[wire].root}
    one = client(wire, {"api_key": KEY, **given})
    try:
        text = await text_from_sdk(SDK_DIALECTS[wire], one, way.model, "another question", stream=setting.case.streamed)
    except Exception as exc:  # noqa: BLE001 - whatever the program would get
        return failed(exc)
    return CallResult(True, text, text)


async def _p07(setting: VirtualScenario) -> list[Check]:
    name = f"twin-{setting.case.way}-{setting.case.wire}-{setting.case.seats}-{int(setting.case.streamed)}-"
    with _captured_log() as lines:
        actors = await setting.open(same_key=(0, 1), ids=name)
    warned = [line for line in lines if actors[0].id in line and actors[1].id in line]
    for actor in actors[2:]:
        actor.acts = well
    twins = [actor for actor in actors if actor.key == actors[0].key]
    found = await asyncio.get_running_loop().run_in_executor(None, _checked, setting.config)
    for actor in twins:
        actor.arrivals.clear()
        actor.acts = refusing(setting.case.words)
    call = await setting.ask("a question")
    calls = sum(actor.calls() for actor in twins)
    rest = [served([call], "callers")] if len(actors) > len(twins) else []
    return [
        Check(f"told when it was loaded: {(warned or ['nothing'])[0][:120]}", bool(warned)),
        Check(f"told by `check`: {found}", found.get(actors[1].id) == actors[0].id),
        Check(f"{calls} calls with one key", calls == 1),
        *rest,
    ]


def _checked(config: VLMConfig) -> dict[str, str]:
    """Return the pairs of equal keys that `sparekey check` finds: the credential, and its twin.

    The command is imported by name, because `lab` lies below `cli`.
    """
    check = import_module("sparekey.cli.check")
    whole = Config.model_validate({"vlm": config})
    findings = check.compared_keys(whole, check.try_all(check.calls_of(whole), 10.0))
    return {one.credential: one.twin_of for one in findings if one.twin_of}


@contextmanager
def _captured_log() -> Iterator[list[str]]:
    """Capture what sparekey logs."""
    lines: list[str] = []

    class Listener(logging.Handler):
        def emit(self, record: logging.LogRecord) -> None:
            lines.append(record.getMessage())

    listener, logger = Listener(logging.WARNING), logging.getLogger("sparekey")
    logger.addHandler(listener)
    try:
        yield lines
    finally:
        logger.removeHandler(listener)


async def _p08(setting: VirtualScenario) -> list[Check]:
    actors = await setting.open()
    limited, spares = actors[:-1] or actors, actors[1:] and actors[-1:]
    for actor in limited:
        actor.acts = refusing(setting.case.words)
    for actor in spares:
        actor.acts = well
    if setting.case.variant == "topped up":
        return await _topped_up(setting, bool(spares))
    if spares:
        calls = await setting.every(60.0, _DAY // 60, lambda i: f"question ({i}.)")
        worst = max(limited, key=lambda one: one.calls())
        wasted = worst.calls() - 1
        return [
            served(calls, "callers"),
            Check(f"{worst.id} got {wasted} wasted probes in a day, {_WASTED} are allowed", wasted <= _WASTED),
        ]
    await setting.every(10.0, 360, lambda i: f"question ({i}.)")
    looks = [one.at for one in limited[0].arrivals]
    longest = max((b - a for a, b in pairwise(looks)), default=float("inf"))
    return [
        Check(f"{len(looks) - 1} looks in an hour, 12 are wanted", 11 <= len(looks) - 1 <= 12),
        Check(f"{longest:.0f} s between two looks, {_LOOK:.0f} s and the pace of the callers are allowed", longest <= _LOOK + 10.5),
    ]


async def _topped_up(setting: VirtualScenario, spare: bool) -> list[Check]:
    first = setting.actors[0]

    async def top_up() -> None:
        await setting.until(60.0)
        first.acts = well

    filling = asyncio.ensure_future(top_up())
    calls = await setting.every(10.0, 110, lambda i: f"question ({i}.)")
    await filling
    back = min((one.at for one in first.arrivals if one.at > 60.0), default=float("inf")) - 60.0
    checks = [Check(f"back {back:.0f} s after the top-up, {_BACK:.0f} s are allowed", back <= _BACK)]
    return [*checks, served(calls if spare else [one for one in calls if one.at > 60.0 + _BACK], "callers")]


async def _p09(setting: VirtualScenario) -> list[Check]:
    seats = setting.case.seats
    models = dict.fromkeys(range(seats - 1), "m-large") | {seats - 1: "m-small"}
    *large, small = await setting.open(models=models, account=range(seats))
    for actor in large:
        actor.acts = refusing(setting.case.words)
    small.acts = well
    calls = await setting.every(0.5, 20, lambda i: f"question ({i}.)")
    others, every = sum(actor.calls(until=4.0) for actor in large[1:]), sum(actor.calls() for actor in large)
    return [
        served(calls, "callers"),
        Check(f"{small.id} (m-small) served {small.calls()} of 20", small.calls() == len(calls)),
        Check(f"the account's other keys of m-large got {others} calls while it rested", not others),
        Check(f"m-large got {every} calls in 10 s, 5 are allowed", every <= 5),
    ]


_CERTAIN: Final = wordings.about(wordings.CREDENTIAL, proof=wordings.CERTAIN)
ROWS: Final = (
    row(
        "P06",
        "all refuse for good: 401, 402, mixed, a wait of days",
        "readable within 10 s, and not about the caller's own key",
        "",
        Cases(_p06, variants=tuple(_DEATHS), few=4),
        ("sdk",),
    ),
    row(
        "P07",
        "two credentials with the same key",
        "told when loaded and in `check`",
        "they count as one",
        Cases(_p07, _CERTAIN),
    ),
    row(
        "P08",
        "a limit with a reset in six days, topped up after a minute",
        "back within 15 min; without a spare a look each 5 min",
        "at most eight wasted probes a day",
        Cases(_p08, wordings.about(wordings.WAIT), seats=(1, 2, 3, 15), variants=("topped up", "never"), few=2),
    ),
    row(
        "P09",
        "one model's own limit, its account has another model",
        "the other model serves",
        "the model rests for all keys of the account",
        Cases(_p09, wordings.about(wordings.LIMIT)),
    ),
)
