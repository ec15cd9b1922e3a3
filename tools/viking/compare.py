"""Compare two records of requests (see `sent.py`): which forms load, and which send the same."""

from __future__ import annotations

import json
import re
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

REASONS = (
    (r"url.*one\.example.*", r"backup", "the spare goes to its own provider's address; OpenViking sends its key to the first one's host"),
    (r"body\.temperature .*", r"kimi|moonshot|credentials|#8$", "Kimi's models refuse a temperature, so none is sent"),
    (r"body\.thinking .*", r"glm|zhipu|credentials|#9$", "GLM thinks unless it is told not to, and the chain says `thinking = false`"),
    (r".*", r"#21$|^dashscope intl", "DashScope's own format in the place of its OpenAI-compatible one: same model and length"),
    (r"body\.parameters .*", r"dashscope", "the model's own length is not asked for again"),
    (r".*/api/embed.*|.*encoding_format.*|headers.*no-key.*", r"ollama", "Ollama's own format in the place of its OpenAI-compatible one"),
    (r".*", r"^ollama: ", "Ollama's OpenAI-compatible format; OpenViking asks through LiteLLM"),
    (r"body\.reasoning_effort .*", r"^volcengine with effort", "the effort counts for images, too, where thinking is on"),
    (r".*", r"^bedrock", "here as the provider is named; OpenViking routes the model to Anthropic's own API, or has no credentials"),
    (r".*LLM Provider NOT provided.*", r"", "works here; LiteLLM does not know whom OpenViking means"),
    (
        r"url.*api\.deepseek\.com.*|body\.messages.*",
        r"^deepseek",
        "DeepSeek's documented address; LiteLLM uses a beta one and drops images",
    ),
    (r".*", r"^gemini: ", "Gemini's current API version, thinking off as the chain says"),
    (r".*", r"^anthropic: ", "Anthropic's SDK in the place of LiteLLM: another default for the longest answer"),
    (r".*", r"^openrouter", "without LiteLLM's own headers and fields, the model under its full name"),
    (r"url.*localhost:8000.*", r"hosted_vllm", "vLLM's usual port; LiteLLM would send the key to api.openai.com"),
    (r"headers.*Bearer no(?:-key|ne).*", r"", "another word where there is no key"),
    (r"body\.(?:dimensions|encoding_format).*", r"litellm embedding", "LiteLLM's default of the encoding"),
)
"""The reasons for which a request may differ: the difference, the form, the reason."""


@dataclass(slots=True)
class Compared:
    """The result of one form.

    Attributes:
        form: the form.
        documented: whether OpenViking's documentation or examples have it.
        there: whether it loads in OpenViking.
        here: whether it loads in sparekey.
        why: why it does not load, from the side that refuses it.
        same: whether both send the same.
        reasons: why requests differ, or the difference itself where no reason is known.
        unexplained: whether there is a difference without a reason.
        words: what sparekey logged while it loaded the form.
    """

    form: str
    documented: bool
    there: bool
    here: bool
    why: str = ""
    same: bool = False
    reasons: list[str] = field(default_factory=list)
    unexplained: bool = False
    words: list[str] = field(default_factory=list)


def compare(forms: Path, there: Path, here: Path) -> list[Compared]:
    """Return the result of each form."""
    rows = {row["form"]: row for row in _read(forms)}
    others = {row["form"]: row for row in _read(here)}
    return [_one(rows[theirs["form"]], theirs, others[theirs["form"]]) for theirs in _read(there)]


def _read(file: Path) -> Iterator[dict[str, Any]]:
    return (json.loads(line) for line in file.read_text(encoding="utf-8").splitlines())


def _one(row: dict[str, Any], theirs: dict[str, Any], ours: dict[str, Any]) -> Compared:
    made = Compared(row["form"], row["documented"], theirs["loads"], ours["loads"], words=ours.get("words", []))
    if not (made.there and made.here):
        made.why = ours.get("why", "") if made.there else theirs.get("why", "")
        return made
    for difference in _differences(theirs["sends"], ours["sends"]):
        reason = next((why for what, form, why in REASONS if re.search(form, row["form"]) and re.match(what, difference)), None)
        made.unexplained |= reason is None
        if (told := reason or difference[:200]) not in made.reasons:
            made.reasons.append(told)
    made.same = not made.reasons
    return made


def _differences(theirs: dict[str, Any], ours: dict[str, Any]) -> Iterator[str]:
    probes = {
        name for name in theirs if name == "made"
    }  # OpenViking learns a length when it builds an embedder; here it is asked for later
    for name in sorted({*theirs, *ours} - probes):
        there, here = theirs.get(name), ours.get(name)
        if there is None and probes:
            continue
        if isinstance(there, dict) and isinstance(here, dict):
            yield from _request(there, here)
        elif there != here:
            yield f"{there} | {here}"


def _request(there: dict[str, Any], here: dict[str, Any]) -> Iterator[str]:
    for part in ("url", "headers"):
        if there[part] != here[part]:
            yield f"{part} {there[part]} | {here[part]}"
    if not isinstance(there["body"], dict) or not isinstance(here["body"], dict):
        if there["body"] != here["body"]:
            yield f"body {there['body']} | {here['body']}"
        return
    one, other = _plain(there["body"]), _plain(here["body"])
    for name in sorted({*one, *other}):
        if one.get(name) != other.get(name):
            yield f"body.{name} {json.dumps(one.get(name))} | {json.dumps(other.get(name))}"


def _plain(body: dict[str, Any]) -> dict[str, Any]:
    """Return a body without differences that mean nothing.

    These are null fields, a list of one text, and the role of a text that is embedded.
    """
    found = {name: value for name, value in body.items() if value is not None}
    if isinstance(found.get("input"), str):
        found["input"] = [found["input"]]
    if isinstance(found.get("requests"), list):
        found["requests"] = json.loads(json.dumps(found["requests"]).replace(', "role": "user"', ""))
    return found
