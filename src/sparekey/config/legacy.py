"""Older forms of configuration, read as the present one: plain keys, `providers`, `backup`, `backend`, and OpenViking's files.

Everything here is a pure function from one dictionary to another; nothing is ever written into the one that was given.

    plain top-level keys        credentials = [default]
    providers: {name: {...}}    credentials = [default], from `default_provider`, the only one, or the first that can be used
    backup: {...}               credentials = [legacy-primary, legacy-backup]
    backend                     provider
    LiteLLM's provider names    provider litellm, the name before the model's
    explicit credentials        win over all of these

What has no meaning here is left out, and a credential that cannot be served as well: each is named with its reason, in the log and by
`sparekey migrate`.
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sparekey.config import routes
from sparekey.config.faults import Fault, Faults, dotted, line, searching
from sparekey.providers import NOT_OFFERED, find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.config.faults import Path
    from sparekey.providers import Family

logger = logging.getLogger("sparekey.config")

_ADDRESS: Final = ("provider", "api_key", "api_base", "api_version", "ak", "sk", "region", "host", "extra_headers")
CONNECTION: Final[dict[Family, tuple[str, ...]]] = {
    "vlm": (*_ADDRESS, "extra_request_body", "reasoning_effort", "stream", "forward_api_key"),
    "embedding": _ADDRESS,
}
"""Keys that older forms keep beside the model and that belong to a credential now."""

_CHAIN_LEVEL: Final = (
    *("temperature", "thinking", "timeout", "max_retries", "max_concurrent", "media"),
    *("failback_timeout_seconds", "failback_request_count", "patience", "deadline"),
)
"""Settings that an older `backup` could have for itself and that a chain has once."""

_KEEPALIVE: Final = "connections are kept as long as the provider's SDK keeps them"
_LIMIT: Final = "whoever calls the model bounds how much runs at once"
_INDEXING: Final = "it concerns OpenViking's index, not the model"
_FOREIGN: Final[dict[str, dict[str, str]]] = {
    "vlm": {"keepalive_expiry": _KEEPALIVE, "max_concurrent": _LIMIT},
    "media": {"enabled": "a file is taken where the model takes it", "max_concurrent": _LIMIT},
    "connection": {"keepalive_expiry": _KEEPALIVE},
    "embedding": {
        "circuit_breaker": "the chain parks a credential that fails by itself: for the stated wait, else 30 s at first, growing to 5 min",
        "text_source": _INDEXING,
        "allow_metadata_override": _INDEXING,
    },
}
"""Keys that OpenViking knows and that mean nothing here, by place, with the reason why."""
_WON: Final = "credentials win over it"

_KINDS: Final = ("dense", "sparse", "hybrid")


@dataclass(slots=True)
class Modern:
    """A section in the present form, and what was done to get there.

    Attributes:
        data: the section.
        forms: the older forms that were found, as words for the warning line.
        unused: settings that mean nothing here, by their paths, each with the reason; `forms` names them as well.
        left_out: what was left out though it meant something, by its path, with the reason.
        origins: where a part of `data` stood in the section that was given.
        faults: older forms that cannot be read.
    """

    data: dict[str, Any]
    forms: list[str] = field(default_factory=list)
    unused: list[Fault] = field(default_factory=list)
    left_out: list[Fault] = field(default_factory=list)
    origins: dict[Path, Path] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def absorb(self, other: Modern, *path: str) -> None:
        """Take over what was found in a part that stands at `path`."""
        self.forms += [f"{path[-1]}.{form}" for form in other.forms]
        self.origins |= {(*path, *new): (*path, *old) for new, old in other.origins.items()}
        self.faults += [Fault((*path, *fault.path), fault.text) for fault in other.faults]
        self.unused += [Fault((*path, *one.path), one.text) for one in other.unused]
        self.left_out += [Fault((*path, *one.path), one.text) for one in other.left_out]

    def leave(self, data: dict[str, Any], reasons: Mapping[str, str], *path: str | int) -> None:
        """Take keys out of a part that stands at `path`, and note why."""
        for name, why in reasons.items():
            if data.pop(name, None) is not None:
                self.unused.append(Fault((*path, name), why))
                self.forms.append(f"{dotted((*path, name))}, not used here")


def section(old: Mapping[str, Any], family: Family, *, keep: bool = True, strict: bool = False) -> Modern:
    """Return one chain's section in the present form.

    Args:
        old: the section as given.
        family: what the chain is for.
        keep: leave plain keys on the parent, too, where a program may look for them; False moves them.
        strict: leave no credential out.
    """
    modern = Modern(dict(old))
    if family == "vlm":
        _foreign(modern)
    _backend(modern)
    modern.faults += _unreadable(modern.data)
    if modern.faults:
        return modern
    if family == "vlm":
        _named_by_address(modern)
    if modern.data.get("credentials") not in (None, [], ()):
        _explicit(modern)
    elif modern.data.get("backup"):
        _pair(modern, family)
    elif any(modern.data.get(name) for name in (*CONNECTION[family], "providers", "default_provider")):
        _single(modern, family, keep=keep)
    _through_litellm(modern)
    if not (strict or modern.data.get("strict")):
        _served(modern)
    return modern


def embedding(old: Mapping[str, Any], *, keep: bool = True, strict: bool = False) -> Modern:
    """Return the embedding section, with each of its chains, in the present form."""
    modern = Modern(dict(old))
    modern.leave(modern.data, _FOREIGN["embedding"])
    for kind in _KINDS:
        if isinstance(modern.data.get(kind), dict):
            part = section(modern.data[kind], "embedding", keep=keep, strict=strict)
            modern.data[kind] = part.data
            modern.absorb(part, kind)
    return modern


def document(old: Mapping[str, Any], *, keep: bool = True) -> Modern:
    """Return a whole configuration in the present form."""
    modern, strict = Modern(dict(old)), old.get("strict") is True
    for name in ("vlm", "embedding"):
        given = modern.data.get(name)
        if isinstance(given, dict):
            part = section(given, "vlm", keep=keep, strict=strict) if name == "vlm" else embedding(given, keep=keep, strict=strict)
            modern.data[name] = part.data
            modern.absorb(part, name)
    if not strict:
        _without_chat(modern)
    return modern


def _without_chat(modern: Modern) -> None:
    """Leave out a chat model whose only credentials nobody here can serve, so that the embeddings beside it can be used."""
    chat = modern.data.get("vlm")
    credentials = chat.get("credentials") if isinstance(chat, dict) and modern.data.get("embedding") else None
    if not isinstance(chat, dict) or not isinstance(credentials, list) or not credentials or chat.get("strict"):
        return
    why = [_unserved(one, chat.get("provider")) for one in credentials]
    if all(why):
        modern.left_out.append(Fault(("vlm",), f"there is no chat model: {why[0]}"))
        del modern.data["vlm"]


def on_the_way_in(data: Any, family: Family) -> Any:
    """Modernise what a model was made of in code; warn once. Anything but a dictionary is left for pydantic to refuse."""
    return _admitted(section(data, family), family) if isinstance(data, dict) else data


def embedding_on_the_way_in(data: Any) -> Any:
    """Do the same for the embedding section."""
    return _admitted(embedding(data), "embedding") if isinstance(data, dict) else data


def document_on_the_way_in(data: Any) -> Any:
    """Do the same for a whole configuration."""
    return _admitted(document(data), "configuration") if isinstance(data, dict) else data


def _admitted(modern: Modern, where: str) -> dict[str, Any]:
    if modern.faults:
        raise Faults(modern.faults)
    if not searching.get():
        warn(modern, where)
    return modern.data


def warn(modern: Modern, where: str) -> None:
    """Write the one line about older forms, if there were any, and one about each thing that was left out though it meant something."""
    if modern.forms:
        found = ", ".join(dict.fromkeys(modern.forms))
        logger.warning("%s: deprecated older form (%s), read as credentials; `sparekey migrate` prints the new form", where, found)
    for one in modern.left_out:
        logger.warning("%s: left out: %s", where, line(one.path, one.text))


# -- the forms -----------------------------------------------------------------------------------------------------------------


def _foreign(modern: Modern) -> None:
    """Leave out what only OpenViking has a use for."""
    modern.leave(modern.data, _FOREIGN["vlm"])
    if isinstance(modern.data.get("media"), dict):
        modern.data["media"] = dict(modern.data["media"])
        modern.leave(modern.data["media"], _FOREIGN["media"], "media")


def _named_by_address(modern: Modern) -> None:
    """Read a model that has an address and no provider as OpenAI's format at that address, as OpenViking does.

    Without an address it is a fault: the key would go to a host that nobody has named.
    """
    data = modern.data
    names_one = any(data.get(name) for name in ("provider", "default_provider", "providers"))
    if data.get("api_base") and not names_one and data.get("credentials") in (None, [], ()):
        data["provider"] = "openai"
        modern.forms.append("no provider, taken for openai")


def _backend(modern: Modern) -> None:
    backend = modern.data.pop("backend", None)
    if backend is not None:
        modern.forms.append("backend")
        modern.data["provider"] = modern.data.get("provider") or backend


def _unreadable(data: Mapping[str, Any]) -> Iterator[Fault]:
    backup = data.get("backup")
    yield from _bad_entries(data)
    if backup is not None and not isinstance(backup, dict):
        yield Fault(("backup",), "must be a table")
    elif backup and backup.get("backup"):
        yield Fault(("backup", "backup"), "a backup cannot have a backup; write credentials, which may be as many as you like")
    elif backup:
        yield from (Fault(("backup", *fault.path), fault.text) for fault in _bad_entries(backup))


def _bad_entries(data: Mapping[str, Any]) -> Iterator[Fault]:
    entries = data.get("providers") or {}
    if not isinstance(entries, dict):
        yield Fault(("providers",), "must be a table of providers")
        return
    seen: set[str] = set()
    for name, entry in entries.items():
        if not isinstance(entry, dict):
            yield Fault(("providers", name), "must be a table")
        if _plain(name) in seen:
            yield Fault(("providers", name), "is there twice, but for letter case")
        seen.add(_plain(name))


def _explicit(modern: Modern) -> None:
    """Let explicit credentials win; only what `providers` says of a credential's own provider fills its gaps."""
    entries = {_plain(name): entry for name, entry in (modern.data.pop("providers", None) or {}).items()}
    if entries:
        modern.forms.append("providers")
    modern.leave(modern.data, {"backup": _WON, "default_provider": _WON})
    credentials = modern.data["credentials"]
    if isinstance(credentials, list | tuple):
        modern.data["credentials"] = [_filled(credential, entries, modern, index) for index, credential in enumerate(credentials)]


def _filled(credential: Any, entries: Mapping[str, Mapping[str, Any]], modern: Modern, index: int) -> Any:
    if not isinstance(credential, dict):
        return credential
    filled = {**entries.get(_plain(credential.get("provider")), {}), **_set(credential)}
    modern.leave(filled, _FOREIGN["connection"], "credentials", index)
    return filled


def _single(modern: Modern, family: Family, *, keep: bool) -> None:
    connection, origin = _connection(modern.data, family, modern)
    modern.forms.append("providers" if origin else "plain keys")
    modern.origins["credentials", 0] = origin
    for name in (*(() if keep else CONNECTION[family]), "providers", "default_provider", "backup"):
        modern.data.pop(name, None)
    modern.data["credentials"] = [{"id": "default", **connection}]


def _pair(modern: Modern, family: Family) -> None:
    """Turn a model and its `backup` into two credentials that share nothing: no key reaches the other one's host."""
    backup = dict(modern.data["backup"])
    inner = Modern(backup)
    _backend(inner)
    if family == "vlm":
        _foreign(inner)
        _named_by_address(inner)
    second, second_origin = _connection(backup, family, inner)
    first, first_origin = _connection(modern.data, family, modern)
    modern.faults += [Fault(("backup", *fault.path), fault.text) for fault in inner.faults]
    modern.unused += [Fault(("backup", *one.path), one.text) for one in inner.unused]
    modern.forms += [f"backup.{form}" for form in inner.forms if form.endswith("not used here")]
    modern.forms.append("backup")
    moved = (*CONNECTION[family], "providers", "default_provider")
    rest = {name: value for name, value in _set(backup).items() if name not in moved}
    for name in _CHAIN_LEVEL if family == "vlm" else ():
        if name in rest and rest.pop(name) != modern.data.get(name):
            modern.unused.append(Fault(("backup", name), "a chain has it once, for all of its credentials"))
            modern.forms.append(f"backup.{name}, which a chain has once")
    first |= _set({name: modern.data.pop(name, None) for name in ("max_tokens",) if family == "vlm"})
    for name in (*moved, "backup"):
        modern.data.pop(name, None)
    modern.data["credentials"] = [{"id": "legacy-primary", **first}, {"id": "legacy-backup", **second, **rest}]
    modern.origins |= {("credentials", 0): first_origin, ("credentials", 1): ("backup", *second_origin)}


def _connection(data: Mapping[str, Any], family: Family, modern: Modern) -> tuple[dict[str, Any], Path]:
    """Return the credential that plain keys and `providers` describe, and where it stands; the provider's own entry wins."""
    own = _set({name: data.get(name) for name in CONNECTION[family]})
    entries = {_plain(name): (name, entry) for name, entry in (data.get("providers") or {}).items()}
    chosen = own.get("provider") or data.get("default_provider") or _usable({n: {**own, **_set(e)} for n, (_, e) in entries.items()})
    if chosen is None:
        if entries:
            modern.faults.append(Fault(("providers",), "none of them has an api_key; set default_provider"))
        return own, ()
    written, entry = entries.get(_plain(chosen), ("", {}))
    entry = _set(entry)
    modern.leave(entry, _FOREIGN["connection"], "providers", written)
    return {**own, **entry, "provider": chosen}, ("providers", written) if entry else ()


# -- who serves ------------------------------------------------------------------------------------------------------------------


def _through_litellm(modern: Modern) -> None:
    """Turn a provider that only LiteLLM knows into `litellm`, with its name before the model's (`bedrock/...`)."""
    credentials = modern.data.get("credentials")
    if not isinstance(credentials, list):
        return
    parent = modern.data.get("provider")
    modern.data["credentials"] = [_routed(one, parent, modern) if isinstance(one, dict) else one for one in credentials]
    if isinstance(parent, str) and (known := routes.ours(parent)) != parent:
        modern.data["provider"] = known


def _routed(credential: dict[str, Any], parent: Any, modern: Modern) -> dict[str, Any]:
    given = credential.get("provider") or parent
    if not isinstance(given, str) or find(given) or _plain(given) in NOT_OFFERED:
        return credential
    name = routes.ours(given)
    if name == given:
        return credential
    modern.forms.append(f"provider {_plain(given)}, {'reached through litellm' if name == 'litellm' else f'here {name}'}")
    model = credential.get("model") or modern.data.get("model")
    if name != "litellm" or not isinstance(model, str) or model.startswith(f"{_plain(given)}/"):
        return {**credential, "provider": name}
    return {**credential, "provider": name, "model": f"{_plain(given)}/{model}"}


def _served(modern: Modern) -> None:
    """Leave out the credentials that nobody here can serve, as long as one remains."""
    credentials = modern.data.get("credentials")
    if not isinstance(credentials, list):
        return
    why = [_unserved(one, modern.data.get("provider")) for one in credentials]
    if all(why):
        return
    modern.left_out += [Fault(("credentials", i), reason) for i, reason in enumerate(why) if reason]
    kept = [i for i, reason in enumerate(why) if not reason]
    modern.origins |= {("credentials", new): modern.origins.get(("credentials", old), ("credentials", old)) for new, old in enumerate(kept)}
    modern.data["credentials"] = [credentials[i] for i in kept]


def _unserved(credential: Any, parent: Any) -> str:
    given = (credential.get("provider") or parent) if isinstance(credential, dict) else None
    reason = NOT_OFFERED.get(_plain(given))
    return f"{_plain(given)!r} is not offered: it {reason}" if reason else ""


def _usable(entries: Mapping[str, Mapping[str, Any]]) -> str | None:
    """Return the only provider, or the first that can be used: it has a key, or needs none."""
    if len(entries) == 1:
        return next(iter(entries))
    for name, entry in entries.items():
        found = find(name)
        if entry.get("api_key") or (found and found.chat and "api_key" not in found.chat.needs):
            return name
    return None


def _plain(name: Any) -> str:
    return str(name or "").strip().lower()


def _set(values: Mapping[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in values.items() if value is not None}
