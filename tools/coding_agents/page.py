"""Writes docs/agents.md: the lines to paste, as `make agents` pastes them, and what came of each scene."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, Final

import pages
from coding_agents.programs import AGENTS, ROOT
from coding_agents.scenes import SCENES, Seen

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from coding_agents.programs import Agent

PAGE: Final = ROOT / "docs" / "agents.md"
_URL: Final = "http://127.0.0.1:8080"
_KEY: Final = "spk-..."
_WORDS: Final = 160
"""Letters of what a person saw that fit into a cell."""
_LANGUAGES: Final = {".toml": "toml", ".json": "json"}


def write(results: Mapping[str, Any]) -> None:
    """Write the page's parts anew."""
    PAGE.write_text(rendered(PAGE.read_text("utf-8"), results), "utf-8")


def rendered(page: str, results: Mapping[str, Any]) -> str:
    """Return a page with its parts as the programs' settings and the results have them."""
    parts: dict[str, Callable[[], str]] = {agent.name: partial(_settings, agent) for agent in AGENTS}
    return pages.rendered(page, "agents", {**parts, "results": partial(_results, results), "versions": partial(_versions, results)})


def _settings(agent: Agent) -> str:
    """Show what a person sets for an agent: variables, then files."""
    fill = partial(_filled, url=_URL, key=_KEY)
    parts = []
    if agent.environ:
        parts.append("```sh\n" + "\n".join(f"export {name}={fill(value)}" for name, value in agent.environ.items()) + "\n```")
    for path, text in agent.files.items():
        language = next((word for end, word in _LANGUAGES.items() if path.endswith(end)), "")
        parts.append(f"`~/{path}`:\n\n```{language}\n{fill(text)}```")
    return "\n\n".join(parts)


def _filled(text: str, *, url: str, key: str) -> str:
    return text.replace("{url}", url).replace("{key}", key)


def _results(results: Mapping[str, Any]) -> str:
    """Show a table for each scene, a line for each agent."""
    rows = [(scene, agent, _found(results, agent, scene.name)) for scene in SCENES for agent in AGENTS]
    return pages.table(
        ("scene", "agent", "the person sees", "calls by credential", "seconds, told after"),
        (
            (
                scene.title if agent is AGENTS[0] else "",
                agent.title,
                _shown(found),
                " + ".join(map(str, found.get("calls", ()))),
                _times(found),
            )
            for scene, agent, found in rows
        ),
    )


def _found(results: Mapping[str, Any], agent: Agent, scene: str) -> Mapping[str, Any]:
    rows: Sequence[Mapping[str, Any]] = results["runs"]
    return next((row for row in rows if row["agent"] == agent.name and row["scene"] == scene), {})


def _shown(found: Mapping[str, Any]) -> str:
    if not found:
        return "not run"
    bad = f"**{'; '.join(found['wrong'])}**: " if found["wrong"] else ""
    if found["seen"] == Seen.WHOLE:
        return f"{bad}the whole answer"
    words = found["words"] if len(found["words"]) <= _WORDS else found["words"][: _WORDS - 1] + "…"
    return f"{bad}{words.replace('`', chr(39)).replace('<', '&lt;')}"


def _times(found: Mapping[str, Any]) -> str:
    if not found:
        return ""
    told = found["told_after"]
    return f"{found['seconds']:.0f}" + ("" if told is None else f", {told:.1f}")


def _versions(results: Mapping[str, Any]) -> str:
    rows = ((agent.title, agent.package, results["versions"].get(agent.name) or "not run", agent.wire) for agent in AGENTS)
    return pages.table(("agent", "from", "version", "wire"), rows)
