"""References to keys: where a key is to be found, or the key itself, and the one way to turn it into a `Secret`.

    env:NAME               the environment variable NAME
    file:PATH              the content of a file, without the line break at its end; relative to the configuration's folder
    cmd:COMMAND            what a command prints; it is run without a shell
    keyring:SERVICE/USER   an entry of the system's key store (extra `keyring`)
    ${NAME}, $NAME         the same as env:NAME, as shells, containers and OpenViking write it
    text with ${NAME}      the text with what the variables hold
    anything else          the key itself

A reference is read when an instance is built, not when the configuration is loaded, so a configuration can be looked at on
a machine that has no keys.
"""

from __future__ import annotations

import os
import re
import shlex
import subprocess
from pathlib import Path as Folder
from typing import TYPE_CHECKING, Any, Final

from pydantic_core import core_schema

from sparekey.config.faults import ConfigSource
from sparekey.errors import ConfigError, MissingExtraError
from sparekey.types import Secret

if TYPE_CHECKING:
    from collections.abc import Callable

    from pydantic import GetCoreSchemaHandler

    from sparekey.config.faults import Path

COMMAND_TIMEOUT: Final = 30.0
"""Seconds that a `cmd:` may take; long enough for a person to touch a security token."""
_VARIABLE: Final = re.compile(r"\$\{(\w+)\}|\$([A-Z_][A-Z0-9_]*)", re.ASCII)
"""A key that is nothing but a variable."""
_PART: Final = re.compile(r"\$\{([^{}]*)\}")
"""A variable within a longer key."""
_NAME: Final = re.compile(r"\w+", re.ASCII)
_HIDDEN: Final = "***"
"""Shown in place of a key; it is refused as a key."""
_LONGEST: Final = 65536
"""The most bytes of a key file or a command's output; anything longer is no key."""


class _Unresolved(Exception):  # noqa: N818 - an answer on the way to a ConfigError, never seen outside
    """A reference gives no key; the message says why, and what to do."""


class SecretRef:
    """A key as a configuration names it. It shows references, never a key; a pickle holds none, a copy does.

    It is no dataclass: pydantic would write one out field by field into `model_dump()`, with the key in it.

    Attributes:
        text: the reference, or the key itself. Show `shown` instead.
        path: where the key stands below its chain (`("credentials", 0, "api_key")`), for messages.
    """

    __slots__ = ("path", "text")

    def __init__(self, text: str, path: Path = ()) -> None:
        """Create a reference from its text and its place in the configuration."""
        self.text, self.path = text, path

    @property
    def kind(self) -> str:
        """`env`, `file`, `cmd`, `keyring`, `text` for one with variables, or `value` for the key itself."""
        scheme, colon, _ = self.text.partition(":")
        if colon and scheme in _READERS:
            return scheme
        return "text" if _PART.search(self.text) else "value"

    @property
    def shown(self) -> str:
        """The reference as written, or `***` for a key, or a part of one, that stands there itself."""
        if self.kind == "text":
            names = [f"${{{name if _NAME.fullmatch(name) else _HIDDEN}}}" for name in _PART.findall(self.text)]
            apart = [_HIDDEN if part else "" for part in _PART.sub("\n", self.text).split("\n")]
            return apart[0] + "".join(name + part for name, part in zip(names, apart[1:], strict=True))
        return _HIDDEN if self.kind == "value" else self.text

    def at(self, *path: str | int) -> SecretRef:
        """Return the same reference, known to stand at `path`."""
        return SecretRef(self.text, path)

    def file(self, folder: Folder) -> Folder | None:
        """Return the file that holds the key; None if no file does.

        Args:
            folder: what a relative path is relative to.
        """
        return folder / Folder(self.text.partition(":")[2].strip()).expanduser() if self.kind == "file" else None

    def may_be_there(self) -> bool:
        """Return whether the key may exist; only variables are checked, no file or command."""
        if self.kind == "text":
            return all(name in os.environ for name in _PART.findall(self.text))
        return self.kind != "env" or bool(os.environ.get(self.text.partition(":")[2].strip(), "").strip())

    def glance(self) -> Secret:
        """Return the key if a look is enough (it stands there itself, or in the environment), else a stand-in for what is there.

        For comparing only: one reference is one key, wherever it leads.
        """
        if self.kind == "text" and self.may_be_there():
            return Secret(_filled(self.text))
        named = os.environ.get(self.text.partition(":")[2].strip(), "").strip() if self.kind == "env" else ""
        return Secret(self.text if self.kind == "value" else named or f"what is at {self.text}")

    def resolve(self, source: ConfigSource | None = None) -> Secret:
        """Return the key.

        Args:
            source: the file of the configuration, for messages and for relative `file:` paths.

        Raises:
            ConfigError: there is no key at the reference; the message names file, key and reference, never a value.
            MissingExtraError: a `keyring:` reference without the extra.
        """
        source = source or ConfigSource()
        try:
            return Secret(_sound(self._read(source.folder)))
        except _Unresolved as exc:
            raise ConfigError(": ".join(filter(None, (source.place(self.path), self.shown, str(exc))))) from None

    def _read(self, folder: Folder) -> str:
        if self.text == _HIDDEN:
            raise _Unresolved("the key was left out of a pickle; write a reference, or load the file in that process")
        if self.kind == "value":
            return self.text
        if self.kind == "text":
            return _filled(self.text)
        argument = self.text.partition(":")[2].strip()
        return _READERS[self.kind](argument, folder)

    def __repr__(self) -> str:
        return f"SecretRef({self.shown!r})"

    def __str__(self) -> str:
        return self.shown

    def __bool__(self) -> bool:
        return bool(self.text)

    def __eq__(self, other: object) -> bool:
        """Two references are equal when their texts are; a plain string counts as one, so that a test can ask."""
        if isinstance(other, SecretRef):
            return self.text == other.text
        return isinstance(other, str) and self.text == other

    def __hash__(self) -> int:
        return hash(self.text)

    def __reduce__(self) -> tuple[Any, ...]:
        return (SecretRef, (self.shown, self.path))

    def __copy__(self) -> SecretRef:
        return self

    def __deepcopy__(self, _memo: object) -> SecretRef:
        return self

    @classmethod
    def __get_pydantic_core_schema__(cls, _source: Any, _handler: GetCoreSchemaHandler) -> core_schema.CoreSchema:
        """Let pydantic read it from text or from a `Secret`, and write it as it is shown."""
        return core_schema.no_info_plain_validator_function(
            _parse,
            serialization=core_schema.plain_serializer_function_ser_schema(lambda ref: ref.shown, when_used="json"),
            json_schema_input_schema=core_schema.str_schema(),
        )


def _parse(value: Any) -> SecretRef:
    if isinstance(value, SecretRef):
        return value
    text = value.reveal() if isinstance(value, Secret) else value
    if not isinstance(text, str):
        raise ValueError(f"must be text, not {type(value).__name__}")  # noqa: TRY004 - pydantic turns only a ValueError into a line
    text = text.strip()
    if whole := _VARIABLE.fullmatch(text):
        text = f"env:{whole[1] or whole[2]}"
    ref = SecretRef(text)
    if fault := _malformed(ref):
        raise ValueError(fault)
    return ref


def _malformed(ref: SecretRef) -> str:
    """Return what is wrong with the shape of a reference, or the empty string."""
    if ref.text == _HIDDEN or (ref.kind == "text" and _HIDDEN in ref.text):
        return "is what is shown in the place of a key, not the key; write the key itself, or where it is to be found"
    if ref.kind in {"value", "text"}:
        return _unsound(ref.text) if ref.text else ""
    if not ref.text.partition(":")[2].strip():
        return f"names nothing after {ref.kind}:; write {_SHAPES[ref.kind]}"
    if ref.kind == "keyring" and not all(ref.text.removeprefix("keyring:").rpartition("/")):
        return f"must be {_SHAPES['keyring']}"
    return ""


def _unsound(key: str) -> str:
    """Return why a text cannot be sent in a header, or the empty string."""
    if any(ch in key for ch in "\r\n"):
        return "the key holds a line break; a key is one line"
    return (
        "" if key.isascii() and key.isprintable() else "the key holds a character that no key has (a quotation mark of a text processor?)"
    )


def _sound(text: str) -> str:
    key = text.strip()
    if not key:
        raise _Unresolved("gives an empty key; put the key there")
    if fault := _unsound(key):
        raise _Unresolved(fault)
    return key


def _filled(text: str) -> str:
    """Return a key with what its variables hold."""
    if _HIDDEN in text:
        raise _Unresolved("the key was left out of a pickle; write a reference, or load the file in that process")
    return _PART.sub(_held, text)


def _held(found: re.Match[str]) -> str:
    if not _NAME.fullmatch(found[1]):
        name = _NAME.match(found[1])
        raise _Unresolved(f"a default or other addition in a variable is not read; write ${{{name[0] if name else 'NAME'}}} alone")
    return _from_env(found[1], Folder())


def _from_env(name: str, _folder: Folder) -> str:
    if name not in os.environ:
        raise _Unresolved(f"the environment variable {name} is not set; export it")
    return os.environ[name]


def _from_file(name: str, folder: Folder) -> str:
    path = folder / Folder(name).expanduser()
    try:
        with path.open("rb") as file:
            return _decoded(file.read(_LONGEST + 1), "the file")
    except OSError as exc:
        raise _Unresolved(f"{path} cannot be read ({exc.strerror or type(exc).__name__})") from None


def _from_command(command: str, folder: Folder) -> str:
    try:
        done = subprocess.run(  # noqa: S603 - the command is the operator's own, from the operator's file, and meets no shell
            shlex.split(command), stdin=subprocess.DEVNULL, capture_output=True, timeout=COMMAND_TIMEOUT, check=False, cwd=folder
        )
    except subprocess.TimeoutExpired:
        raise _Unresolved(f"the command did not end within {COMMAND_TIMEOUT:.0f} s") from None
    except (OSError, ValueError) as exc:
        raise _Unresolved(f"the command cannot be run ({getattr(exc, 'strerror', None) or type(exc).__name__})") from None
    if done.returncode:
        # What a command prints on failure may hold a key, so it is not repeated here.
        raise _Unresolved(f"the command ended with exit code {done.returncode}; run it by hand to see why")
    return _decoded(done.stdout, "the command's output")


def _decoded(raw: bytes, what: str) -> str:
    if len(raw) > _LONGEST:
        raise _Unresolved(f"{what} is longer than {_LONGEST} bytes; that is no key")
    try:
        return raw.decode("utf-8-sig")
    except UnicodeDecodeError:
        raise _Unresolved(f"{what} is not text") from None


def _from_keyring(entry: str, _folder: Folder) -> str:
    try:
        import keyring  # noqa: PLC0415 - an optional dependency, loaded by those who name it
        from keyring.errors import KeyringError  # noqa: PLC0415
    except ImportError:
        raise MissingExtraError("a keyring: reference", "keyring") from None
    service, _, user = entry.rpartition("/")
    try:
        key = keyring.get_password(service, user)
    except KeyringError as exc:
        raise _Unresolved(f"the key store refused ({type(exc).__name__})") from None
    if key is None:
        raise _Unresolved(f"the key store has no such entry; keyring set {service} {user}")
    return key


_READERS: Final[dict[str, Callable[[str, Folder], str]]] = {
    "env": _from_env,
    "file": _from_file,
    "cmd": _from_command,
    "keyring": _from_keyring,
}
_SHAPES: Final = {"env": "env:NAME", "file": "file:PATH", "cmd": "cmd:COMMAND", "keyring": "keyring:SERVICE/USER"}
