"""One agent in one scene: simulated providers, the gateway as `sparekey serve` runs it, the program, and what it put out."""

from __future__ import annotations

import contextlib
import os
import re
import subprocess
import sys
import tempfile
import threading
import time
from dataclasses import asdict, dataclass, field
from hashlib import sha256
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from coding_agents.programs import COPY, NODE, NOTE, PROMPT, SECRET, filled
from coding_agents.scenes import OTHER, Seen, result_is_there
from processes import answers, free_port, process
from sparekey.lab.simulator import TEXT, Simulator
from sparekey.lab.simulator.faults import Fault

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Sequence

    from coding_agents.programs import Agent
    from coding_agents.scenes import Scene
    from sparekey.lab.simulator import Provider, ReceivedRequest

CLIENT_KEY: Final = "spk-agents-5b3f0c9d8e7a41268f9c0d1e2a3b4c5d"
READABLE: Final = 10.0
"""Seconds from the first request to words that a person can read."""
_NAMES: Final = ("first", "second", "third")
_START_SECONDS: Final = 60.0
_SECONDS: Final = 150.0
"""After so many seconds a person has gone away."""
_CAUSE: Final = re.compile(r"credentials? of this chain failed|said to sparekey's credential|sparekey's credential")
_BROKEN: Final = re.compile(r"stream broke off|closed the connection|stream (?:disconnected|error)", re.IGNORECASE)
_OWN: Final = re.compile(
    r"log ?in\b|re-?authenticate|/login|your (?:api )?key|your (?:current )?(?:quota|credit|balance|account|plan)"
    r"|invalid api key|x-api-key",
    re.IGNORECASE,
)
"""What would send a person to look at his own key."""
_BROKEN_LINES: Final = 6
"""So many lines may hold one sentence."""
_BEFORE: Final = 50
"""Letters before the words that are kept of a line."""
_TERMINAL: Final = re.compile(r"\x1b\[[0-9;?]*[ -/]*[@-~]|\x1b\][^\x07]*\x07|\r")


@dataclass(slots=True)
class Outcome:
    """What came of one run.

    Attributes:
        agent: the agent's short name.
        scene: the scene's.
        version: what the program says of itself.
        seen: what a person has seen.
        good: whether that was wanted, in time, and about the right key.
        words: the line that tells it.
        calls: the requests that each credential got.
        seconds: from the start of the program to its end.
        told_after: seconds from the first request to the words about the cause; None: there were none.
        exit_code: the program's; None: it was ended.
        wrong: what was not as wanted.
        output: the end of all that it put out.
    """

    agent: str
    scene: str
    version: str = ""
    seen: str = Seen.SILENT
    good: bool = False
    words: str = ""
    calls: list[int] = field(default_factory=list)
    seconds: float = 0.0
    told_after: float | None = None
    exit_code: int | None = None
    wrong: list[str] = field(default_factory=list)
    output: str = ""

    @property
    def fields(self) -> dict[str, Any]:
        """As it is kept: without what differs from run to run."""
        return {name: value for name, value in asdict(self).items() if name != "output"}


def version_of(agent: Agent) -> str:
    """Return the number of the installed program, or "" if it does not run.

    It is started in an empty home folder, as the scenes start it.
    """
    with tempfile.TemporaryDirectory() as home, contextlib.suppress(OSError, subprocess.TimeoutExpired):
        command = [str(agent.binary), *agent.version]
        done = subprocess.run(command, capture_output=True, text=True, check=False, timeout=120, env=_environ(agent, Path(home), ""))
        found = re.search(r"\d+\.\d+[\w.+-]*", done.stdout)
        return found[0] if found and not done.returncode else ""
    return ""


def run(agent: Agent, scene: Scene) -> Outcome:
    """Run an agent through a scene and judge what a person would have seen."""
    outcome = Outcome(agent.name, scene.name)
    with Simulator() as simulator, tempfile.TemporaryDirectory() as name:
        home, work = Path(name, "home"), Path(name, "work")
        home.mkdir()
        work.mkdir()
        for file in (NOTE, COPY):
            (work / file).write_text(f"The word is {SECRET}.\n", "utf-8")
        providers = _providers(simulator, agent, scene, work)
        with _gateway(Path(name), agent, scene, providers) as url:
            written = _started(agent, url, home, work, outcome)
        outcome.calls = [len(one.requests) for one in providers]
        requests = [request for one in providers for request in one.requests]
        judge(outcome, scene, written, requests, (work / NOTE).read_text("utf-8"), agent)
    return outcome


def _providers(simulator: Simulator, agent: Agent, scene: Scene, work: Path) -> list[Provider]:
    made = []
    for place, (name, act) in enumerate(zip(_NAMES, scene.cast(agent), strict=False)):
        text, file = (OTHER, COPY) if scene.other and place else (TEXT, NOTE)
        one = simulator.provider(name, wire=agent.wire, text=text + agent.ending, calls=agent.calls(work / file))
        if isinstance(act, Fault):
            one.fail(act)
        elif act:
            one.decide(act)
        made.append(one)
    return made


def configuration(agent: Agent, recovery: str, bases: Mapping[str, str], key_sha256: str, port: int = 8080) -> str:
    """Return the gateway's configuration for an agent, as TOML; `bases` has the credentials' addresses by their ids."""
    aliases = ", ".join(f'"{name}"' for name in agent.aliases)
    rows = [
        f'[[gateway.chat.{agent.chain}.credentials]]\nid = "{name}"\nprovider = "{agent.wire}"\n'
        f'api_key = "sk-{name}-0123456789abcdef"\napi_base = "{base}"\n'
        for name, base in bases.items()
    ]
    return (
        f'[gateway]\nport = {port}\naccess_log = false\n\n[[gateway.clients]]\nname = "{agent.name}"\nkey_sha256 = "{key_sha256}"\n\n'
        f'[gateway.chat.{agent.chain}]\naliases = [{aliases}]\nmodel = "{agent.model}"\nstream_recovery = "{recovery}"\n\n'
    ) + "\n".join(rows)


@contextlib.contextmanager
def _gateway(folder: Path, agent: Agent, scene: Scene, providers: Sequence[Provider]) -> Iterator[str]:
    file, port = folder / "sparekey.toml", free_port()
    bases = {one.name: one.base_url for one in providers}
    file.write_text(configuration(agent, scene.recovery, bases, sha256(CLIENT_KEY.encode()).hexdigest(), port), "utf-8")
    command = [sys.executable, "-m", "sparekey", "serve", "--config", str(file), "--store", "memory"]
    with process(command, folder / "gateway.log", {}):
        if not answers(f"http://127.0.0.1:{port}/healthz", _START_SECONDS):
            raise RuntimeError((folder / "gateway.log").read_text("utf-8")[-800:])
        yield f"http://127.0.0.1:{port}"


def _environ(agent: Agent, home: Path, url: str) -> dict[str, str]:
    """Return what the program finds around it: nothing of the person's who runs this."""
    set_by_hand = {name: filled(value, url, CLIENT_KEY) for name, value in agent.environ.items()}
    path = f"{NODE}{os.pathsep}{os.environ.get('PATH', os.defpath)}"
    plain = {"PATH": path, "HOME": str(home), "TERM": "dumb", "NO_COLOR": "1", "NO_PROXY": "127.0.0.1,localhost", "LANG": "C.UTF-8"}
    return {**plain, **agent.quiet, **set_by_hand}


@dataclass(slots=True)
class Written:
    """What a program put out, line by line, each with the time at which it came."""

    lines: list[tuple[float, str]] = field(default_factory=list)

    @property
    def text(self) -> str:
        return "\n".join(line for _, line in self.lines)

    def first(self, words: re.Pattern[str]) -> tuple[float, str] | None:
        """Return when the words were there, and what is said from the line on in which they begin; programs break lines where they like."""
        for number, (_, line) in enumerate(self.lines):
            several = self.lines[number : number + _BROKEN_LINES]
            said = " ".join(one.strip() for _, one in several)
            if (found := words.search(said)) and found.start() < len(line):
                ends = (at for at, _ in several if len(" ".join(one.strip() for when, one in several if when <= at)) >= found.end())
                begun = found.start() - _BEFORE
                return next(ends, several[-1][0]), said if begun <= 0 else f"… {said[begun:].partition(' ')[2]}"
        return None


def _started(agent: Agent, url: str, home: Path, work: Path, outcome: Outcome) -> Written:
    for path, text in agent.files.items():
        file = home / path
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(filled(text, url, CLIENT_KEY), "utf-8")
    command = [str(agent.binary), *(one.replace("{prompt}", PROMPT) for one in agent.arguments)]
    written, begun = Written(), time.monotonic()
    program = subprocess.Popen(
        command,
        cwd=work,
        env=_environ(agent, home, url),
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        start_new_session=True,
    )
    reader = threading.Thread(target=_read, args=(program, written), daemon=True)
    reader.start()
    with contextlib.suppress(subprocess.TimeoutExpired):
        outcome.exit_code = program.wait(_SECONDS)
    outcome.seconds = time.monotonic() - begun
    with contextlib.suppress(ProcessLookupError):
        os.killpg(program.pid, 9)
    reader.join(5)
    return written


def _read(program: subprocess.Popen[bytes], written: Written) -> None:
    assert program.stdout is not None
    for line in program.stdout:
        written.lines.append((time.monotonic(), _TERMINAL.sub("", line.decode("utf-8", "replace")).rstrip()))


def judge(outcome: Outcome, scene: Scene, written: Written, requests: Sequence[ReceivedRequest], note: str, agent: Agent) -> None:
    """Say what a person has seen of a run, and what of it was not as wanted.

    Args:
        outcome: the run; its exit code is there.
        scene: what was played.
        written: what the program put out.
        requests: what its providers got.
        note: what stands in the file in the end.
        agent: the program.
    """
    flat, outcome.output = " ".join(written.text.split()), written.text[-4000:]
    told = written.first(_CAUSE if scene.name.startswith("all") else _BROKEN)
    whole = next((one for one in (TEXT, OTHER) if one in flat), "")
    outcome.words = flat[-200:]
    if whole and outcome.exit_code == 0:
        outcome.seen, outcome.words = Seen.WHOLE, whole
    elif told:
        outcome.seen, outcome.words = Seen.TOLD, told[1]
        outcome.told_after = max(0.0, told[0] - min((request.at for request in requests), default=0.0))
    elif any(" ".join(one.split()[:5]) in flat for one in (TEXT, OTHER)):
        outcome.seen = Seen.HALF
    worked = SECRET not in note if agent.ending else any(result_is_there(request.json) for request in requests)
    said = flat.replace(agent.adds, "") if agent.adds else flat
    outcome.wrong = list(_faults(outcome, scene, said, worked))
    outcome.good = not outcome.wrong


def _faults(outcome: Outcome, scene: Scene, text: str, worked: bool) -> Iterator[str]:
    if outcome.seen not in scene.wanted:
        yield f"{outcome.seen}, wanted: {' or '.join(scene.wanted)}"
    if outcome.seen == Seen.WHOLE and not worked:
        yield "its tool did not run"
    if outcome.told_after is not None and outcome.told_after > READABLE:
        yield f"told after {outcome.told_after:.0f} s, {READABLE:.0f} s are allowed"
    if own := _OWN.search(text.replace("not yours", "")):
        yield f"speaks of the caller's own key: {own[0]!r}"
    if CLIENT_KEY in text:
        yield "shows the caller's key"
