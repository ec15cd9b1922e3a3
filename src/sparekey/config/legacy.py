"""Older forms of configuration, read as the present one: plain keys, `providers`, `backup`, `backend`, and OpenViking's files.

Everything here is a pure function from one dictionary to another; nothing is ever written into the one that was given.

    plain top-level keys        credentials = [default]
    providers: {name: {...}}    credentials = [default], from `default_provider`, the only one, or the first that can be used
    backup: {...}               credentials = [legacy-primary, legacy-backup]
    backend                     provider
    explicit credentials        win over all of these
"""

from __future__ import annotations

import logging
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, Final

from sparekey.config.faults import Fault, Faults
from sparekey.providers import find

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping

    from sparekey.config.faults import Path
    from sparekey.providers import Family

logger = logging.getLogger("sparekey.config")

_ADDRESS: Final = ("provider", "api_key", "api_base", "api_version", "ak", "sk", "region", "host", "extra_headers")
CONNECTION: Final[dict[Family, tuple[str, ...]]] = {
    "vlm": (*_ADDRESS, "extra_request_body", "stream", "forward_api_key"),
    "embedding": _ADDRESS,
}
"""Keys that older forms keep beside the model and that belong to a credential now."""

_CHAIN_LEVEL: Final = (
    *("temperature", "thinking", "timeout", "max_retries", "max_concurrent", "media"),
    *("failback_timeout_seconds", "failback_request_count", "patience", "deadline"),
)
"""Settings that an older `backup` could have for itself and that a chain has once."""

_FOREIGN: Final = {
    "vlm": ("keepalive_expiry", "max_concurrent"),
    "media": ("enabled", "max_concurrent"),
    "connection": ("keepalive_expiry",),
    "embedding": ("circuit_breaker", "text_source", "allow_metadata_override"),
}
"""Keys that OpenViking knows and that mean nothing here, by place: left out, and named in the warning line."""

_KINDS: Final = ("dense", "sparse", "hybrid")


@dataclass(slots=True)
class Modern:
    """A section in the present form, and what was done to get there.

    Attributes:
        data: the section.
        forms: the older forms that were found, as words for the warning line.
        origins: where a part of `data` stood in the section that was given.
        faults: older forms that cannot be read.
    """

    data: dict[str, Any]
    forms: list[str] = field(default_factory=list)
    origins: dict[Path, Path] = field(default_factory=dict)
    faults: list[Fault] = field(default_factory=list)

    def absorb(self, other: Modern, *path: str) -> None:
        """Take over what was found in a part that stands at `path`."""
        self.forms += [f"{path[-1]}.{form}" for form in other.forms]
        self.origins |= {(*path, *new): (*path, *old) for new, old in other.origins.items()}
        self.faults += [Fault((*path, *fault.path), fault.text) for fault in other.faults]


def section(old: Mapping[str, Any], family: Family, *, keep: bool = True) -> Modern:
    """Return one chain's section in the present form.

    Args:
        old: the section as given.
        family: what the chain is for.
        keep: leave plain keys on the parent, too, where a program may look for them; False moves them.
    """
    modern = Modern(dict(old))
    if family == "vlm":
        _foreign(modern)
    _backend(modern)
    modern.faults += _unreadable(modern.data)
    if modern.faults:
        return modern
    if modern.data.get("credentials") not in (None, [], ()):
        _explicit(modern)
    elif modern.data.get("backup"):
        _pair(modern, family)
    elif any(modern.data.get(name) for name in (*CONNECTION[family], "providers", "default_provider")):
        _single(modern, family, keep=keep)
    return modern


def embedding(old: Mapping[str, Any], *, keep: bool = True) -> Modern:
    """Return the embedding section, with each of its chains, in the present form."""
    modern = Modern(dict(old))
    _leave_out(modern.data, _FOREIGN["embedding"], modern.forms)
    for kind in _KINDS:
        if isinstance(modern.data.get(kind), dict):
            part = section(modern.data[kind], "embedding", keep=keep)
            modern.data[kind] = part.data
            modern.absorb(part, kind)
    return modern


def document(old: Mapping[str, Any], *, keep: bool = True) -> Modern:
    """Return a whole configuration in the present form."""
    modern = Modern(dict(old))
    for name in ("vlm", "embedding"):
        given = modern.data.get(name)
        if isinstance(given, dict):
            part = section(given, "vlm", keep=keep) if name == "vlm" else embedding(given, keep=keep)
            modern.data[name] = part.data
            modern.absorb(part, name)
    return modern


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
    warn(modern, where)
    return modern.data


def warn(modern: Modern, where: str) -> None:
    """Write the one line about older forms, if there were any."""
    if modern.forms:
        found = ", ".join(dict.fromkeys(modern.forms))
        logger.warning("%s: deprecated older form (%s), read as credentials; `sparekey migrate` prints the new form", where, found)


# -- the forms -----------------------------------------------------------------------------------------------------------------


def _leave_out(data: dict[str, Any], names: tuple[str, ...], forms: list[str], prefix: str = "") -> None:
    forms += [f"{prefix}{name}, not used here" for name in names if data.pop(name, None) is not None]


def _foreign(modern: Modern) -> None:
    """Leave out what only OpenViking has a use for; its `reasoning_effort` goes where OpenAI-compatible hosts read it."""
    _leave_out(modern.data, _FOREIGN["vlm"], modern.forms)
    if isinstance(modern.data.get("media"), dict):
        modern.data["media"] = dict(modern.data["media"])
        _leave_out(modern.data["media"], _FOREIGN["media"], modern.forms, "media.")
    body = modern.data.get("extra_request_body") or {}
    effort = modern.data.pop("reasoning_effort", None)
    if effort is not None and isinstance(body, dict):
        modern.forms.append("reasoning_effort")
        modern.data["extra_request_body"] = {"reasoning_effort": effort, **body}


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
    for name in ("backup", "default_provider"):
        _leave_out(modern.data, (name,), modern.forms)
    credentials = modern.data["credentials"]
    if isinstance(credentials, list | tuple):
        modern.data["credentials"] = [_filled(credential, entries, modern.forms) for credential in credentials]


def _filled(credential: Any, entries: Mapping[str, Mapping[str, Any]], forms: list[str]) -> Any:
    if not isinstance(credential, dict):
        return credential
    filled = {**entries.get(_plain(credential.get("provider")), {}), **_set(credential)}
    _leave_out(filled, _FOREIGN["connection"], forms)
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
    _leave_out(backup, _FOREIGN["connection"], modern.forms)
    second, second_origin = _connection(backup, family, inner)
    first, first_origin = _connection(modern.data, family, modern)
    modern.faults += [Fault(("backup", *fault.path), fault.text) for fault in inner.faults]
    modern.forms.append("backup")
    moved = (*CONNECTION[family], "providers", "default_provider")
    rest = {name: value for name, value in _set(backup).items() if name not in moved}
    for name in _CHAIN_LEVEL if family == "vlm" else ():
        if name in rest and rest.pop(name) != modern.data.get(name):
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
    _leave_out(entry, _FOREIGN["connection"], modern.forms)
    return {**own, **entry, "provider": chosen}, ("providers", written) if entry else ()


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
