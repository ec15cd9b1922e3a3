"""The measures of the source: what a healthy chat crosses, and how the code is cut into modules.

    python tools/measure.py [--source DIR] [--json]

    python tools/measure.py                               # this checkout
    python tools/measure.py --source ../older/src         # another one, for a comparison

A real gateway (`sparekey serve` in a process of its own) and a real `Failover.call` are profiled
with `sys.setprofile`. It counts calls of Python functions in the package; a coroutine counts again
each time it resumes. What is counted comes after `WARM_UP` others, so that the chain has learned how
long answers take and nothing is done for the first time; the answer takes as long as a fast host's.
"""

from __future__ import annotations

import argparse
import ast
import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.request
from collections import Counter
from pathlib import Path

from processes import free_port

HERE = Path(__file__).resolve()
PROVIDERS = {
    "openai",
    "anthropic",
    "azure",
    "gemini",
    "volcengine",
    "cohere",
    "voyage",
    "mistral",
    "ollama",
    "minimax",
    "dashscope",
    "litellm",
    "glm",
    "zai",
    "kimi",
    "moonshot",
    "groq",
    "deepseek",
}
"""Names of providers: a value that holds several of them is a table of providers."""
FORMATS = {"openai", "azure", "anthropic", "gemini", "cohere", "voyage", "mistral", "ollama", "minimax", "dashscope", "litellm"}
"""Those that name a format or an SDK as well: a table that holds no others is keyed by format, and no new provider is a row of it."""
LEAST_PROVIDERS = 4
EVENTS = 60
WARM_UP = 12
"""Calls before those that are counted."""
FAST_HOST = 0.003
"""Seconds."""


class Profile:
    """Counts the calls of this thread: how many, in which files, and how often the file changes."""

    def __init__(self, package: str) -> None:
        self.package = package
        self.begin()

    def begin(self) -> None:
        self.calls, self.changes, self.last, self.files = 0, 0, "", Counter()

    def __call__(self, frame, event, _argument) -> None:
        if event != "call" or not (name := frame.f_code.co_filename).startswith(self.package):
            return
        self.calls += 1
        self.files[name] += 1
        if name != self.last:
            self.changes += 1
            self.last = name

    def figures(self) -> dict[str, object]:
        return {"files": len(self.files), "changes": self.changes, "calls": self.calls, "names": dict(self.files)}


def package_of(source: str) -> str:
    return str(Path(source, "sparekey")) + os.sep


def serve(source: str, out: str, words: list[str]) -> None:
    """Run the gateway; SIGUSR1 starts the count, and SIGUSR2 writes it to `out`."""
    profile = Profile(package_of(source))

    def begin(*_: object) -> None:
        profile.begin()
        sys.setprofile(profile)

    def end(*_: object) -> None:
        sys.setprofile(None)
        Path(out).write_text(json.dumps(profile.figures()), "utf-8")

    signal.signal(signal.SIGUSR1, begin)
    signal.signal(signal.SIGUSR2, end)
    from sparekey.cli import main  # noqa: PLC0415 - of the source that is measured

    sys.argv = ["sparekey", *words]
    main()


def asked(url: str, *, stream: bool = False) -> bytes:
    body = json.dumps({"model": "chat", "stream": stream, "messages": [{"role": "user", "content": "hi"}]}).encode()
    request = urllib.request.Request(url, body, {"content-type": "application/json", "authorization": "Bearer k"})
    with urllib.request.urlopen(request, timeout=30) as response:
        return response.read()


def simulator():
    try:
        from sparekey.lab.simulator import Simulator  # noqa: PLC0415
    except ImportError:
        from sparekey.simulator import Simulator  # noqa: PLC0415 - its former place
    return Simulator()


def through_the_gateway(source: str) -> dict[str, dict[str, object]]:
    """Return the cost of one healthy chat, and that of one event of a stream."""
    with tempfile.TemporaryDirectory() as folder, simulator() as played:
        first = played.provider("first", wire="openai", keys=["k"])
        port = free_port()
        file = Path(folder, "sparekey.toml")
        file.write_text(
            f'[gateway]\nport = {port}\naccess_log = true\n[gateway.chat.chat]\n[[gateway.chat.chat.credentials]]\nprovider = "openai"\n'
            f'model = "m"\napi_key = "k"\napi_base = "{first.base_url}"\n',
            "utf-8",
        )
        out = Path(folder, "out.json")
        words = [sys.executable, str(HERE), "--source", source, "--serve", str(out), "serve", "--config", str(file), "--store", "memory"]
        env = {**os.environ, "PYTHONPATH": source}
        with subprocess.Popen(words, env=env, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=folder) as process:
            url = f"http://127.0.0.1:{port}/v1/chat/completions"
            for _ in range(100):
                try:
                    asked(url)
                    break
                except OSError:
                    time.sleep(0.1)

            def counted(work) -> dict[str, object]:
                out.unlink(missing_ok=True)
                process.send_signal(signal.SIGUSR1)
                time.sleep(0.3)  # until the idle gateway has begun to count
                work()
                time.sleep(0.3)
                process.send_signal(signal.SIGUSR2)
                for _ in range(100):
                    if out.exists() and (text := out.read_text("utf-8")):
                        return json.loads(text)
                    time.sleep(0.05)
                raise SystemExit("the gateway did not say what it counted")

            for _ in range(WARM_UP):
                asked(url), asked(url, stream=True)
            # the gateway looks at its files once a second: the least of some counts is one without a look
            idle, chat = (
                min((counted(work) for _ in range(5)), key=lambda found: int(found["calls"])) for work in (int, lambda: asked(url))
            )
            short = counted(lambda: asked(url, stream=True))
            data = asked(url, stream=True).count(b"data:")
            process.send_signal(signal.SIGTERM)
    chat["calls"] = int(chat["calls"]) - int(idle["calls"])
    return {"chat": chat, "stream": {**short, "events": data, "per_event": (int(short["calls"]) - int(chat["calls"])) / max(1, data)}}


def through_the_library(source: str) -> dict[str, object]:
    """Return the cost of one healthy `Failover.call`."""
    from sparekey import Chain, Credential, Failover  # noqa: PLC0415 - of the source that is measured

    failover = Failover(Chain([Credential("a", "openai", "m"), Credential("b", "openai", "m")]))
    for _ in range(WARM_UP):
        failover.call(lambda _: time.sleep(FAST_HOST))
    profile = Profile(package_of(source))
    sys.setprofile(profile)
    failover.call(lambda _: time.sleep(FAST_HOST))
    sys.setprofile(None)
    return profile.figures()


def cut(source: str) -> dict[str, object]:
    """Return the modules, the lines, the class names that stand twice, and the tables of providers."""
    root = Path(source, "sparekey")
    classes: dict[str, set[str]] = {}
    tables, by_format, lines, modules = [], [], 0, 0
    for path in sorted(root.rglob("*.py")):
        text = path.read_text("utf-8")
        modules, lines = modules + 1, lines + text.count("\n")
        where = str(path.relative_to(root))
        for node in ast.parse(text).body:
            if isinstance(node, ast.ClassDef):
                classes.setdefault(node.name, set()).add(where)
            elif isinstance(node, ast.Assign | ast.AnnAssign) and node.value is not None:
                named = {one.value for one in ast.walk(node.value) if isinstance(one, ast.Constant) and isinstance(one.value, str)}
                if len(PROVIDERS & named) >= LEAST_PROVIDERS:
                    target = node.targets[0] if isinstance(node, ast.Assign) else node.target
                    kept = tables if (PROVIDERS - FORMATS) & named else by_format
                    kept.append(f"{where}:{ast.unparse(target)}")
    twice = {name: sorted(places) for name, places in classes.items() if len(places) > 1}
    return {"modules": modules, "lines": lines, "duplicate_class_names": twice, "provider_tables": tables, "format_tables": by_format}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--source", default=str(HERE.parents[1] / "src"), help="the folder that holds the package (this checkout's)")
    parser.add_argument("--json", action="store_true", help="as JSON, with the names of all files")
    parser.add_argument("--serve", metavar="OUT", help=argparse.SUPPRESS)
    known, words = parser.parse_known_args()
    known.source = str(Path(known.source).resolve())
    sys.path.insert(0, known.source)
    if known.serve:
        return serve(known.source, known.serve, words)
    found = {**cut(known.source), "call": through_the_library(known.source), **through_the_gateway(known.source)}
    if known.json:
        print(json.dumps(found, indent=1))
        return None
    chat, stream, call, twice = found["chat"], found["stream"], found["call"], found["duplicate_class_names"]
    print(f"modules                          {found['modules']}\nlines                            {found['lines']}")
    print(f"class names that stand twice     {len(twice)}   {', '.join(sorted(twice))}")
    print(f"tables of providers              {len(found['provider_tables'])}   {', '.join(found['provider_tables'])}")
    print(f"tables of formats and SDKs       {len(found['format_tables'])}   {', '.join(found['format_tables'])}")
    print(f"a chat through the gateway       {chat['files']} files, {chat['changes']} changes of file, {chat['calls']} calls")
    print(f"an event of a stream             {stream['per_event']:.1f} calls ({stream['events']} events)")
    print(f"Failover.call                    {call['files']} files, {call['changes']} changes of file, {call['calls']} calls")
    return None


if __name__ == "__main__":
    main()
