"""Run real coding agents against the gateway while its providers fail, and write docs/agents.md. `make agents` installs and runs them.

Results are merged into tools/coding_agents/results.json, so that one agent or one scene can be run
anew, and the page is written from there.
"""

from __future__ import annotations

import argparse
import json
import os
import platform
import sys
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

import pages
from coding_agents.page import write
from coding_agents.programs import AGENTS, HERE
from coding_agents.running import run, version_of
from coding_agents.scenes import SCENES

if TYPE_CHECKING:
    from coding_agents.programs import Agent
    from coding_agents.running import Outcome

RESULTS = HERE / "results.json"
EXAMPLES = """examples:
  make agents                                                # install, run all, write the page
  make agents AGENTS_ARGS='--only codex --scenes all-401'    # one agent, one scene
  PYTHONPATH=src:tools .venv/bin/python -m coding_agents --page     # write the page from what was measured
"""


def main() -> int:
    """Run, tell, keep, write; return 1 if something was not as wanted."""
    parser = argparse.ArgumentParser(
        prog="coding_agents", description=__doc__, epilog=EXAMPLES, formatter_class=argparse.RawTextHelpFormatter
    )
    parser.add_argument("--only", default="", help=f"agents, separated by commas: {','.join(one.name for one in AGENTS)}")
    parser.add_argument("--scenes", default="", help=f"scenes, separated by commas: {','.join(one.name for one in SCENES)}")
    parser.add_argument("--json", action="store_true", help="print the results as JSON, one line a run")
    parser.add_argument("--verbose", action="store_true", help="print what an agent put out, where something was not as wanted")
    parser.add_argument("--page", action="store_true", help="run nothing, write the page only")
    options = parser.parse_args()
    results = json.loads(RESULTS.read_text("utf-8")) if RESULTS.exists() else {"versions": {}, "runs": []}
    good = options.page or _run_all(options, results)
    write(results)
    return 0 if good else 1


def _run_all(options: argparse.Namespace, results: dict[str, Any]) -> bool:
    good, table = True, []
    only, scenes = ({one for one in chosen.split(",") if one} for chosen in (options.only, options.scenes))
    for agent in (one for one in AGENTS if not only or one.name in only):
        version = _version(agent)
        if not version:
            good = False
            continue
        results["versions"][agent.name] = version
        for scene in (one for one in SCENES if not scenes or one.name in scenes):
            outcome = run(agent, scene)
            outcome.version = version
            good &= outcome.good
            kept = [row for row in results["runs"] if (row["agent"], row["scene"]) != (agent.name, scene.name)]
            results.update(runs=[*kept, outcome.fields], machine=_machine(), date=datetime.now(UTC).date().isoformat())
            RESULTS.write_text(json.dumps(results, indent=1, ensure_ascii=False) + "\n", "utf-8")
            if options.json:
                print(json.dumps(outcome.fields), flush=True)
            else:
                mark = "ok " if outcome.good else "BAD"
                print(f"{mark} {agent.name:<9} {scene.name:<11} {outcome.seen}; {'; '.join(outcome.wrong)}", file=sys.stderr, flush=True)
            if options.verbose and not outcome.good:
                print(outcome.output, file=sys.stderr)
            table.append(_row(outcome))
    if not options.json:
        print(pages.table(("agent", "version", "scene", "", "the person saw", "calls", "seconds", "told after"), table))
    return good


def _row(outcome: Outcome) -> tuple[str, ...]:
    told = "" if outcome.told_after is None else f"{outcome.told_after:.1f}"
    mark, calls = "ok" if outcome.good else "BAD", "+".join(map(str, outcome.calls))
    return outcome.agent, outcome.version, outcome.scene, mark, outcome.words[:90], calls, f"{outcome.seconds:.0f}", told


def _version(agent: Agent) -> str:
    if not agent.installed:
        print(f"{agent.title} is not installed ({agent.package}): left out; `make agents` says why", file=sys.stderr)
        return ""
    if not (version := version_of(agent)):
        print(f"{agent.title} does not start ({agent.binary}): left out", file=sys.stderr)
    return version


def _machine() -> str:
    return f"{platform.system()} {platform.machine()}, {os.cpu_count()} cores"


if __name__ == "__main__":
    sys.exit(main())
