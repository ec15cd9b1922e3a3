"""LiteLLM's groups of deployments as chains: each group is one, its fallbacks stand behind it."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from pydantic import TypeAdapter, ValidationError

from sparekey.config.gateway import ModelName
from sparekey.config.litellm.model import Converted, Deployment, listed, table

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

PLACES: Final = ("router_settings", "litellm_settings")
"""Where LiteLLM reads settings of its router from."""
FALLBACKS: Final = ("fallbacks", "context_window_fallbacks")
_NAME: Final[TypeAdapter[str]] = TypeAdapter(ModelName)


class Groups:
    """The groups of one file."""

    def __init__(self, members: Mapping[str, list[Deployment]], data: Mapping[str, Any], done: Converted) -> None:
        """Take the deployments of each group in their order, the file, and where the chains go."""
        self._members, self._data, self._done = members, data, done
        self._aliases = dict(self._read_aliases())

    def assemble(self) -> None:
        """Make a chain of each group."""
        found: dict[str, dict[str, Any]] = {"chat": {}, "embedding": {}}
        for name, members in self._members.items():
            if not _callable(name):
                self._done.leave(f"model_name {name}", "is no name that clients can call: letters, digits and -._/: only")
            elif chain := self._chain(name, members):
                found["embedding" if members[0].embedding else "chat"][name] = chain
        for alias, name in self._aliases.items():
            target = found["chat"].get(name) or found["embedding"].get(name)
            if target is None or not _callable(alias) or alias in self._members:
                self._done.leave(f"router_settings.model_group_alias.{alias}", "names no chain of its own")
            else:
                target["aliases"] = [*target.get("aliases", ()), alias]
        self._done.config["gateway"] = {kind: chains for kind, chains in found.items() if chains}

    def _chain(self, name: str, own: list[Deployment]) -> dict[str, Any]:
        if len(own) > 1:
            self._done.ask(f"model_name {name}", "LiteLLM spreads requests over its deployments; a chain uses the first as long as it can")
        every = [*own, *(one for other in self._behind(name) for one in self._members[other])]
        first = next((one for one in every if one.dialect), None)
        kept = [one for one in every if self._fits(one, first, name)]
        if first is None or not any(one.group == name for one in kept):
            self._done.leave(f"model_name {name}", "none of its own deployments could be taken over")
            return {}
        section = self._embedding(kept) if first.embedding else {}
        if timeouts := [one.timeout for one in kept if one.timeout]:
            section["timeout"] = max(timeouts)
            if len({one.timeout for one in kept}) > 1:
                self._done.ask(f"model_name {name}", "a chain has one timeout; the longest of its deployments was taken")
        return {**section, "credentials": _numbered(kept)}

    def _fits(self, one: Deployment, first: Deployment | None, name: str) -> bool:
        """Tell whether a deployment can stand in a chain that begins with another one; note why not."""
        where = f"{one.where} ({one.group})" if one.group == name else f"fallback {name} -> {one.group}"
        if not one.dialect:
            self._done.leave(where, _NO_WIRE)
        elif first is None or one.embedding is not first.embedding:
            self._done.leave(where, "chat and embedding models cannot share a chain")
        elif one.mode != first.mode:
            self._done.leave(where, f"its mode is {one.mode}, that of the first of its chain {first.mode}")
        elif one.dialect != first.dialect:
            self._done.leave(where, f"speaks {one.dialect}'s format, the first of its chain {first.dialect}'s")
        elif one.embedding and one.space != first.space:
            self._done.leave(where, f"{one.space} has another vector space than {first.space}")
        else:
            return True
        return False

    def _embedding(self, kept: list[Deployment]) -> dict[str, Any]:
        first = kept[0]
        section: dict[str, Any] = {} if first.dimension is None else {"dimension": first.dimension}
        if len({one.credential["model"] for one in kept}) > 1:
            section["space"] = first.space
        for one in kept[1:]:
            if one.dimension != first.dimension:
                self._done.leave(f"{one.where}.litellm_params.dimensions", "the chain has one length, that of its first deployment")
        return section

    # ── fallbacks and aliases ──

    def _behind(self, name: str) -> list[str]:
        """Return the groups that stand behind a group, each once."""
        found: list[str] = []
        for place, kind in ((place, kind) for place in PLACES for kind in FALLBACKS):
            said = self._listed(place, kind, name)
            if said and kind != "fallbacks":
                self._done.ask(f"{place}.{kind}.{name}", "they stand at the end of the chain, and take other failures, too")
            found += said
        known = [self._aliases.get(one, one) for one in found]
        for one in known:
            if one not in self._members:
                self._done.leave(f"fallback {name} -> {one}", "there is no such model_name that could be taken over")
        return [one for one in dict.fromkeys(known) if one in self._members and one != name]

    def _listed(self, place: str, kind: str, name: str) -> list[str]:
        """Return what a setting lists for a group: its own entry, else the one for all groups."""
        rows = [row for row in listed(table(self._data, place).get(kind)) if isinstance(row, dict)]
        said = [one for row in rows for one in listed(row.get(name))]
        if not said:
            every = [one for row in rows for one in listed(row.get("*"))]
            every += listed(table(self._data, place).get("default_fallbacks")) if kind == "fallbacks" else []
            said = [one for one in every if self._alike(name, one)]
        for one in said:
            if not isinstance(one, str):
                self._done.leave(f"{place}.{kind}.{name}", "a fallback with settings of its own")
        return [one for one in said if isinstance(one, str)]

    def _alike(self, name: str, other: Any) -> bool:
        """Tell whether a default fallback applies to a group: both are for chat, or both for embeddings, as with LiteLLM."""
        found = self._members.get(self._aliases.get(other, other)) if isinstance(other, str) else None
        return found is None or found[0].embedding is self._members[name][0].embedding

    def _read_aliases(self) -> Iterator[tuple[str, str]]:
        for place in PLACES:
            for alias, target in table(table(self._data, place), "model_group_alias").items():
                name = target.get("model") if isinstance(target, dict) else target
                if isinstance(target, dict) and target.get("hidden"):
                    self._done.leave(f"{place}.model_group_alias.{alias}.hidden")
                yield str(alias), str(name)


_NO_WIRE: Final = (
    "it is reached through LiteLLM's own code, and the gateway passes requests on over HTTP;"
    " if the host speaks OpenAI's format, write openai/MODEL with its api_base"
)


def _callable(name: str) -> bool:
    try:
        _NAME.validate_python(name)
    except ValidationError:
        return False
    return True


def _numbered(kept: list[Deployment]) -> list[dict[str, Any]]:
    """Return the credentials with ids that differ."""
    seen: dict[str, int] = {}
    rows = []
    for one in kept:
        name = one.credential["id"]
        seen[name] = seen.get(name, 0) + 1
        rows.append({**one.credential, "id": name if seen[name] == 1 else f"{name}-{seen[name]}"})
    return rows
