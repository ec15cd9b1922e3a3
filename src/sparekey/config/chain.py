"""One chain in a configuration: a parent with its settings, and credentials that inherit from it."""

from __future__ import annotations

import copy
import logging
import os
import threading
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar, Final, Generic, TypeVar

from pydantic import Field, PrivateAttr, model_validator

from sparekey import providers
from sparekey.config import checks, variables
from sparekey.config.base import Headers, Line, Name, Positive, Strict, Url
from sparekey.config.faults import ConfigSource, Fault, Faults
from sparekey.config.knobs import Knobs
from sparekey.config.rules import RuleConfig, classifier
from sparekey.config.secrets import SecretRef
from sparekey.errors import ConfigError, MissingExtraError
from sparekey.masking import mask
from sparekey.providers import Family
from sparekey.types import Credential, Secret

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from typing import Self

    from sparekey.types import Failure

logger = logging.getLogger("sparekey")
_settings_log = logging.getLogger("sparekey.config")

ADDRESS: Final = ("api_key", "api_base", "api_version", "ak", "sk", "region", "host", "extra_headers")
"""Fields that say where a request goes and with which key. They are inherited together or not at all (see `inherits_address`)."""

building: Final = threading.RLock()
"""Held while an instance is built, so that two threads that ask first get the same one."""


class ConnectionFields(Strict):
    """How a model is reached: fields of a credential, or of a parent for all its credentials."""

    provider: Name | None = Field(None, description="Provider, by name or alias.")
    model: Line | None = Field(None, description="Model, deployment or endpoint id.")
    account: Line | None = Field(None, description="Credentials with the same account share its quota and its suspensions.")
    api_key: SecretRef | None = Field(None, description="Key, or a reference to it.")
    api_base: Url | None = Field(None, description="Base URL; without it the provider's own.")
    api_version: Line | None = Field(None, description="API version (azure).")
    ak: SecretRef | None = Field(None, description="Access key id, or a reference to it (vikingdb).")
    sk: SecretRef | None = Field(None, description="Secret access key, or a reference to it (vikingdb).")
    region: Line | None = Field(None, description="Region (vikingdb).")
    host: Line | None = Field(None, description="Host (vikingdb).")
    extra_headers: Headers | None = Field(None, repr=False, description="Further headers of each request.")

    @model_validator(mode="before")
    @classmethod
    def _fill(cls, data: Any) -> Any:
        """Replace the variables of its texts, in code as in a file."""
        if not isinstance(data, dict):
            return data
        return {name: variables.filled(value, os.environ) if name in variables.OF_A_CREDENTIAL else value for name, value in data.items()}


class BaseCredential(ConnectionFields):
    """One credential of a chain. What is unset is inherited from the parent."""

    id: Name | None = Field(None, description="Name in the chain, unique there; without one `credential-0`, `credential-1`, ...")

    max_concurrency: Positive | None = Field(
        None, description="Attempts at it that run at once in one process; the next credential gets more. Without it any number."
    )

    _place: int = PrivateAttr(default=0)

    def can_be_called(self, family: Family) -> bool:
        """Return whether it has what its provider needs; no file is read, no command is run."""
        if self.unset():
            return False
        found = providers.find(self.provider or "")
        offer = found.offer(family) if found else None
        keys = [ref for ref in (self.api_key, self.ak, self.sk) if ref]
        keyless = found is None or offer is None or "api_key" not in offer.needs or (found.keyless_with_base and self.api_base is not None)
        return all(ref.may_be_there() for ref in keys) if keys else keyless

    def unset(self) -> dict[str, str]:
        """Return the texts whose variables are not set: the name of the setting and of the variable."""
        texts = {name: getattr(self, name, None) for name in sorted(variables.OF_A_CREDENTIAL)}
        return {name: found[0] for name, text in texts.items() if (found := variables.unset(text))}


C = TypeVar("C", bound=BaseCredential)


class BaseChain(Knobs, ConnectionFields, Generic[C]):
    """A model with its ordered credentials (index 0 has the highest priority) and its policy."""

    family: ClassVar[Family]
    shared: ClassVar[tuple[str, ...]] = ("model", "account")
    """Fields that a credential inherits besides provider and address."""

    credentials: list[C] = Field(default_factory=list, description="The chain, highest priority first.")
    rules: list[RuleConfig] = Field(default_factory=list, description="Own rules about errors, tried before those of the whole file.")
    strict: bool | None = Field(
        None, description="Refuse to work without a key that cannot be found; else the other credentials do. Without it, as the whole file."
    )

    _source: ConfigSource = PrivateAttr(default_factory=ConfigSource)
    _instance: Any = PrivateAttr(default=None)
    _keys: dict[SecretRef, Secret] = PrivateAttr(default_factory=dict)
    _lacking: dict[SecretRef, ConfigError | MissingExtraError] = PrivateAttr(default_factory=dict)
    _strict: bool = PrivateAttr(default=False)
    _whose: object = PrivateAttr(default_factory=object)
    _handed_down: tuple[RuleConfig, ...] = PrivateAttr(default=())

    @model_validator(mode="after")
    def _settle(self) -> Self:
        """Name and complete the credentials, then check the chain as a whole."""
        self._stamp()
        for index, credential in enumerate(self.credentials):
            credential.id = credential.id or f"credential-{index}"
            credential._place = index  # noqa: SLF001 - the two classes are one unit
            self._inherit(credential)
        if faults := [*self._faults()]:
            raise Faults(faults)
        for connection in (self, *self.credentials):
            _canonical(connection)
        return self

    def _stamp(self) -> None:
        for path, connection in self._connections():
            for name in ("api_key", "ak", "sk"):
                if ref := getattr(connection, name):
                    setattr(connection, name, ref.at(*path, name))

    def _connections(self) -> list[tuple[tuple[str | int, ...], ConnectionFields]]:
        return [((), self), *((("credentials", i), c) for i, c in enumerate(self.credentials))]

    def _inherit(self, credential: C) -> None:
        address = ADDRESS if inherits_address(self, credential) else ()
        for name in (*self.shared, *address, "provider"):
            if getattr(credential, name) is None:
                setattr(credential, name, getattr(self, name))

    def _faults(self) -> list[Fault]:
        faults = checks.ids(self.credentials)
        lacking = self.unset_faults()
        if lacking and (self.strict or all(one.unset() for one in self.credentials)):
            faults += lacking
        for index, credential in enumerate(self.credentials):
            if credential.unset():
                continue
            faults += checks.credential(credential, self.family, ("credentials", index), inherited=self.provider)
        if not self.credentials:
            faults.append(Fault(("credentials",), "is empty; a chain needs at least one credential with provider, model and key"))
        return faults

    def unset_faults(self) -> list[Fault]:
        """Return a fault for each setting of a credential whose variable is not set."""
        return [
            Fault(("credentials", index, name), variables.unset_words(variable))
            for index, one in enumerate(self.credentials)
            for name, variable in one.unset().items()
        ]

    # -- copies and pickles: the settings, without what was built from them or looked up -------------------------------------

    def __getstate__(self) -> dict[Any, Any]:
        state = super().__getstate__()
        private = state.get("__pydantic_private__") or {}
        return {**state, "__pydantic_private__": {**private, "_instance": None, "_keys": {}, "_lacking": {}}}

    def __deepcopy__(self, memo: dict[int, Any] | None = None) -> Self:
        made: Self = type(self).__new__(type(self))
        made.__setstate__(copy.deepcopy(self.__getstate__(), memo))
        return made

    # -- what the rest of the package reads ------------------------------------------------------------------------------

    @property
    def credentials_resolved(self) -> tuple[C, ...]:
        """The credentials with everything they inherit. Keys are still references."""
        return tuple(self.credentials)

    def classifier(self) -> Callable[[BaseException], Failure]:
        """Return the chain's classifier: its own rules, then the file's, then the built-in ones."""
        return classifier([*self.rules, *self._handed_down])

    @property
    def is_strict(self) -> bool:
        """Whether a key that cannot be found stops the whole chain."""
        return self._strict if self.strict is None else self.strict

    def usable(self) -> list[C]:
        """Return the credentials whose keys and variables are there; a log line of level ERROR tells of each other one.

        Raises:
            ConfigError: there is none, or one is missing and the chain is strict.
            MissingExtraError: the same, for want of a package.
        """
        lacking = {index: exc for index, one in enumerate(self.credentials) if (exc := self._lack(one))}
        if lacking and (self.is_strict or len(lacking) == len(self.credentials)):
            self._lacking.clear()  # the key may have been added since
            raise _together([*lacking.values()])
        for index, exc in lacking.items():
            _tell_once(mask(f"{exc}; {self.credentials[index].id!r} is left out, the others serve"), self._whose, _settings_log)
        return [one for index, one in enumerate(self.credentials) if index not in lacking]

    def _lack(self, credential: C) -> ConfigError | MissingExtraError | None:
        for name, variable in credential.unset().items():
            where = self._source.place(("credentials", credential._place, name))  # noqa: SLF001 - as above
            return ConfigError(f"{where}: {variables.unset_words(variable)}")
        for ref in filter(None, (credential.api_key, credential.ak, credential.sk)):
            try:
                self._secret(ref)
            except (ConfigError, MissingExtraError) as exc:
                return exc
        return None

    def engine_credentials(self) -> tuple[Credential, ...]:
        """Return the usable credentials as the engine knows them, keys resolved; tell which of them hold the same key.

        Raises:
            ConfigError: there is no usable one, or the chain is strict (see `usable`).
        """
        found = self._engine_credentials(self.usable(), self._secret)
        self._tell_same_keys(found)
        return found

    def comparable_credentials(self) -> tuple[Credential, ...]:
        """Return the credentials without resolving keys: enough to compare them, not to use them.

        The key behind a `file:`, `cmd:` or `keyring:` reference is used if it was looked up before; else the reference stands for it.
        """
        return self._engine_credentials(self.credentials, lambda ref: self._keys.get(ref) or ref.glance())

    def _engine_credentials(self, credentials: Sequence[C], key: Callable[[SecretRef], Secret]) -> tuple[Credential, ...]:
        return tuple(
            Credential(
                id=str(c.id),
                provider=c.provider or "",
                model=c.model,
                account=c.account,
                endpoint=c.api_base or c.host or c.region or self._base(c),
                api_key=key(ref) if (ref := c.api_key or c.ak) else None,
                headers=dict(c.extra_headers or {}),
                max_concurrency=c.max_concurrency,
            )
            for c in credentials
        )

    def _tell_same_keys(self, credentials: Sequence[Credential]) -> None:
        """Write a warning for each credential with the key of one before it."""
        places = {str(one.id): index for index, one in enumerate(self.credentials)}
        for index, text in checks.same_keys(credentials).items():
            where = self._source.place(("credentials", places.get(credentials[index].id, index)))
            _tell_once(mask(f"{where}: {text}"), self._whose)

    def key_files(self) -> set[Path]:
        """Return the files that hold keys of this chain, whether or not they exist."""
        references = (ref for _, one in self._connections() for ref in (one.api_key, one.ak, one.sk) if ref)
        return {file for ref in references if (file := ref.file(self._source.folder))}

    def instance_dicts(self) -> list[dict[str, Any]]:
        """Return a plain dict for each usable credential, as backends take it: set values only, keys resolved to `Secret`s.

        A lone instance retries by itself (`max_retries`). In a longer chain the engine retries, and the instances get 0.

        Raises:
            ConfigError: there is no usable one, or the chain is strict (see `usable`).
        """
        usable = self.usable()
        retries = self.max_retries if len(usable) == 1 else 0
        return [present({**self._settings(), "max_retries": retries, **self._reach(c)}) for c in usable]

    def close(self) -> None:
        """Close the instance, if one was built, and forget the keys.

        The next use resolves them again.
        """
        with building:
            instance, self._instance = self._instance, None
            self._keys.clear()
            self._lacking.clear()
        if instance is not None:
            instance.close()

    def _cached(self, build: Callable[[], Any]) -> Any:
        with building:
            if self._instance is None:
                self._instance = build()
            return self._instance

    def _settings(self) -> dict[str, Any]:
        """Return the settings that all instances of the chain share."""
        raise NotImplementedError

    def _reach(self, credential: C) -> dict[str, Any]:
        """Return the settings of one instance."""
        plain = {name: getattr(credential, name) for name in ("provider", *self.shared, *ADDRESS)}
        secrets = {name: self._secret(ref) if (ref := plain[name]) else None for name in ("api_key", "ak", "sk")}
        return {**plain, **secrets, "credential_id": credential.id, "api_base": self._base(credential)}

    def _base(self, credential: C) -> str | None:
        """Return where a credential's requests go: its base URL, by its present name, else its provider's."""
        found = providers.find(credential.provider or "")
        offer = found.offer(self.family) if found else None
        return offer.address(credential.api_base) if offer else credential.api_base

    def _secret(self, ref: SecretRef) -> Secret:
        """Return the key; each is looked up once, even if that fails: a `cmd:` may ask a person."""
        with building:
            if ref in self._lacking:
                raise self._lacking[ref]
            if ref not in self._keys:
                try:
                    self._keys[ref] = ref.resolve(self._source)
                except (ConfigError, MissingExtraError) as exc:
                    self._lacking[ref] = exc
                    raise
            return self._keys[ref]

    def _locate(self, source: ConfigSource) -> None:
        """Store the file for later messages, and report faults of keys that are visible now."""
        self._source, self._whose = source, Path(source.file).absolute()
        self._tell_same_keys(self.comparable_credentials())


@lru_cache(maxsize=1024)
def _tell_once(text: str, _whose: object, log: logging.Logger = logger) -> None:
    """Log a line once per file or chain: a gateway reads its file several times."""
    log.log(logging.WARNING if log is logger else logging.ERROR, "%s", text)


def _together(faults: list[ConfigError | MissingExtraError]) -> ConfigError | MissingExtraError:
    """Combine the faults of several credentials into one exception."""
    return faults[0] if len(faults) == 1 else ConfigError("\n".join(dict.fromkeys(map(str, faults))))


def inherits_address(parent: ConnectionFields, credential: ConnectionFields) -> bool:
    """Tell whether a credential takes key, base URL and headers over from its parent.

    A key must never reach a host that its configuration does not name with it. So a credential of another provider inherits
    the address only as a whole: when it names neither key nor base URL itself and the parent names the base URL.
    """
    same = None in (parent.provider, credential.provider) or _name(parent) == _name(credential)
    return same or (credential.api_key is None and credential.api_base is None and parent.api_base is not None)


def present(values: dict[str, Any]) -> dict[str, Any]:
    """Return the values that are set. `False` and 0 are."""
    return {name: value for name, value in values.items() if value is not None}


def _name(connection: ConnectionFields) -> str:
    found = providers.find(connection.provider or "")
    return found.name if found else connection.provider or ""


def _canonical(connection: ConnectionFields) -> None:
    if connection.provider is not None:
        connection.provider = _name(connection)
