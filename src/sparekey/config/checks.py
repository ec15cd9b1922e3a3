"""What only a whole credential or a whole chain can show to be wrong, found before the first call."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sparekey import providers
from sparekey.config.faults import Fault
from sparekey.core.twins import shared_keys, twins

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sparekey.config.faults import Path
    from sparekey.providers import Family, ProviderSpec
    from sparekey.types import Credential

_HOW = "write env:NAME, file:PATH, cmd:COMMAND, keyring:SERVICE/USER or the key itself"
_REMEDIES = {
    "api_key": _HOW,
    "ak": _HOW,
    "sk": _HOW,
    "api_base": "write the URL of your own resource",
    "region": "write for example cn-beijing",
}


def ids(credentials: Sequence[Any]) -> list[Fault]:
    """Find ids that are used twice."""
    seen: set[str] = set()
    faults = []
    for index, credential in enumerate(credentials):
        if credential.id in seen:
            faults.append(Fault(("credentials", index, "id"), f"{credential.id!r} is used twice; ids are unique in a chain"))
        seen.add(credential.id)
    return faults


def same_keys(credentials: Sequence[Credential]) -> dict[int, str]:
    """Return what there is to say of credentials that hold the key of one before them, by index; never the key.

    Credentials that both name an `account` are not told of; twins (same key, model and address) always are.
    """
    found = {}
    for index, first in twins(credentials).items():
        words = f"{credentials[index].id!r} has the same key as {credentials[first].id!r}, for the same model at the same address"
        found[index] = f"{words}: they count as one, not as a spare; give it a key of its own or remove it"
    for index, first in shared_keys(credentials).items():
        one, other = credentials[index], credentials[first]
        if one.account and other.account:
            continue
        apart = (one.endpoint, one.provider, one.headers) != (other.endpoint, other.provider, other.headers)
        what, who = ("at another address", "if one account pays for both, its") if apart else ("for another model", "the account's")
        words = f"{one.id!r} has the same key as {other.id!r}, {what}: {who} quota and suspensions stop both"
        found[index] = f'{words}; write account = "NAME" into both'
    return dict(sorted(found.items()))


def credential(credential: Any, family: Family, path: Path, *, inherited: str | None = None) -> list[Fault]:
    """Find what a credential lacks, after it took over what it inherits.

    Args:
        credential: the credential.
        family: what it is for.
        path: where it stands below its chain.
        inherited: the parent's provider; a fault of a provider that was taken over from there is reported there.
    """
    at = ("provider",) if inherited is not None and credential.provider == inherited else (*path, "provider")
    fault = provider(credential.provider, family, at)
    if fault:
        return [fault, *_model(credential, path)]
    found = providers.find(credential.provider)
    assert found is not None
    return [*_model(credential, path), *_missing(credential, found, family, path)]


def provider(name: str | None, family: Family, path: Path) -> Fault | None:
    """Find what is wrong with a provider's name."""
    if not name:
        return Fault(path, f"is missing; known are {', '.join(providers.names(family))}")
    if reason := providers.NOT_OFFERED.get(name.strip().lower()):
        return Fault(path, f"{name!r} is not offered: it {reason}")
    found = providers.find(name)
    if found is None:
        return Fault(path, f"unknown provider {name!r}; {providers.suggest(name, family)}")
    if not found.offer(family):
        what = "chat models" if family == "vlm" else "embeddings"
        return Fault(path, f"{found.name!r} has no {what} here; known are {', '.join(providers.names(family))}")
    return None


def _model(credential: Any, path: Path) -> Iterator[Fault]:
    if not credential.model and not getattr(credential, "model_path", None):
        yield Fault((*path, "model"), "is missing; set it on the credential or for all beside `credentials`")


def _missing(credential: Any, found: ProviderSpec, family: Family, path: Path) -> Iterator[Fault]:
    offer = found.offer(family)
    for name in offer.needs if offer else ():
        if getattr(credential, name):
            continue
        if name == "api_key" and found.keyless_with_base and credential.api_base:
            continue
        hint = "; a server of your own needs api_base instead" if name == "api_key" and found.keyless_with_base else ""
        yield Fault((*path, name), f"is missing, and provider {found.name!r} needs it; {_REMEDIES[name]}{hint}")
