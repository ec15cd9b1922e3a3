"""Keys out of texts: whatever a provider repeats is masked before anybody sees it."""

from __future__ import annotations

import re
from base64 import b64encode
from functools import cache
from typing import TYPE_CHECKING, Final, Protocol

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from sparekey.types import Secret

MASK: Final = "***"

# Shapes that issuers publish for their keys (their docs, and GitHub's list of secret-scanning
# patterns). Each starts with a literal and continues with one class of characters, so that the time
# stays linear in the length of the text.
_SHAPES: Final = (
    r"(?:sk|pk|rk|ak)-[A-Za-z0-9_\-*]{8,}",  # openai, anthropic, deepseek, openrouter, moonshot, dashscope, litellm
    r"AIza[A-Za-z0-9_\-]{20,}",  # google
    r"ya29\.[A-Za-z0-9_\-]{10,}",  # google oauth
    r"(?:AKIA|ASIA)[A-Z0-9]{12,}",  # aws
    r"(?:AKLT|LTAI|AKID)[A-Za-z0-9_\-]{12,}",  # volcengine, alibaba, tencent
    r"(?:gsk|xai|hf|fw|pplx|nvapi|jina|pa|csk|tgp|r8|key|up|ghp|gho|github_pat)[_-][A-Za-z0-9_\-]{16,}",
    r"dapi[0-9a-f]{32}",  # databricks
    r"y[0-4]_[A-Za-z0-9_\-]{16,}",  # yandex
    r"eyJ[A-Za-z0-9_\-]{8,}\.[A-Za-z0-9_\-.]{8,}",  # JSON web tokens
)
_OF_LETTERS: Final = ("AIza", "AK", "ASIA", "LTAI", "eyJ")
"""Beginnings of keys that may consist of letters alone."""
_ZHIPU_LENGTH: Final = 41
# The length of the shortest value: a text without a word of this length holds no key.
_SHORTEST_VALUE = 8
_SHORTEST_SECRET: Final = 8
"""The least length of a key that is cut out.

Local servers take anything as a key (`ollama`, `dummy`), and such words occur in texts by chance.
"""
_HARMLESS: Final = re.compile(
    r"accept(?:-\w+)*|content-type|user-agent|(?:http-)?referer|x-(?:title|app|source|region|request-id)|[\w-]*-(?:version|beta|region|id)|api-version",
    re.IGNORECASE,
)
"""Names of extra headers that hold no key; their values occur in texts by chance."""
# Values after a name that says "secret": header lines, query strings, JSON fields. Matched on
# lower-case text.
_NAMED: Final = (
    r"(?:\b(?:authorization|proxy-authorization)[\"']?\s{0,3}[:=]\s{0,3}[\"']?(?:bearer |basic )?"
    r"|\bbearer "
    r"|[?&](?:key|token|sig|subscription-key)="
    r"|(?:\b|_)(?:x-goog-api-key|x-api-key|api[-_ ]?key|apikey|access[-_]?token|client[-_]?secret"
    r"|secret[-_]?access[-_]?key|secret[-_]?key|access[-_]?key(?:[-_]?id)?|password|signature|ak|sk)"
    r"(?:[\"']?\s{0,3}[:=]\s{0,3}[\"']?|\s{1,3}(?:provided|given|is)[:=]?\s{1,3}[\"']?))"
    r"(?=[a-z0-9_\-./+=~*]{8})"
)
_VALUE: Final = re.compile(r"[A-Za-z0-9_\-./+=~*]+")
# Names that a plain word may follow too: the value is a key if it is as long as one and holds
# digits.
_WEAKLY_NAMED: Final = (
    r"\b(?:token|key|secret|credential|password)(?:[\"']?\s{0,2}[:=(]\s{0,2}|\s{1,2}(?:is\s)?)[\"'`]?(?=[a-z0-9_\-./+=~]{16})"
)
_LONG_VALUE, _DIGITS = 16, 3  # the least digits of a value whose letters are all small or all capital
_AWS_LENGTH: Final = 40  # the length of AWS secrets, the only keys with slashes
_WEAK_HINTS: Final = ("token", "key", "secret", "credential", "password")
_HINTS: Final = ("key=", "token=", "sig=", "secret", "authorization", "bearer ", "password", "signature")
_KEY: Final = r"(?<![A-Za-z0-9])(?:" + "|".join(_SHAPES) + ")"
_ZHIPU: Final = r"(?<![A-Za-z0-9])[0-9a-f]{32}\.[A-Za-z0-9]{8,}"
_URL_LOGIN: Final = r"(?<=://)[^\s/@:]{0,256}:[^\s/@]{1,256}@"
_TELLTALE: Final = re.compile(r"[0-9*_\-]")
"""A value after a name holds one of these.

A word without them is no key ("authorization: required").
"""


@cache
def _compiled(source: str) -> re.Pattern[str]:
    """Return the compiled pattern; it is compiled on first use, because most texts need none."""
    return re.compile(source)


def mask(text: str) -> str:
    """Return `text` with everything that looks like a key replaced by `***`.

    It is idempotent, and linear in the length of the text. It knows shapes and not values, so it
    misses a lone key of an unknown shape: callers that hold the key use `Secrets`.
    """
    words = [word for word in text.split() if len(word) >= _SHORTEST_VALUE]
    if words:
        text = _mask_words(text, " ".join(words))
    return _compiled(_URL_LOGIN).sub(f"{MASK}@", text) if "://" in text and "@" in text else text


def _mask_words(text: str, words: str) -> str:
    """Return `text` masked; `words` are those of its words that are long enough for a key.

    Most errors hold nothing that looks like a key, so the cheap checks come first.
    """
    marked = _TELLTALE.search(words) is not None
    if (marked or any(map(words.__contains__, _OF_LETTERS))) and _compiled(_KEY).search(words):
        text, marked = _compiled(_KEY).sub(MASK, text), True
    if not marked:
        return text
    if len(words) >= _ZHIPU_LENGTH and "." in words:
        text = _compiled(_ZHIPU).sub(MASK, text)
    lower = text.lower()
    weak = any(map(lower.__contains__, _WEAK_HINTS)) and any(len(word) >= _LONG_VALUE for word in words.split())
    names_secret = _names_a_secret(lower)
    if weak or names_secret:
        if len(lower) != len(text):  # a few letters change their length: places in both must agree
            lower = "".join(char if char.isascii() else "." for char in text).lower()
        masked = _mask_named(text, lower, _NAMED, _TELLTALE.search) if names_secret else text
        text = _mask_named(masked, lower if masked is text else masked.lower(), _WEAKLY_NAMED, _is_long) if weak else masked
    return text


def _names_a_secret(lower: str) -> bool:
    """Return whether lower-case text may hold one of the names: the cheap half of `_NAMED`."""
    return (
        ("key" in lower and ("api" in lower or "access" in lower))
        or ("token" in lower and "access" in lower)
        or (("ak" in lower or "sk" in lower) and ("=" in lower or ":" in lower))
        or any(map(lower.__contains__, _HINTS))
    )


def _is_long(value: str) -> bool:
    """Return whether a value is as long as a key and no name: it holds digits, no dot, and no path."""
    value = value.rstrip(".")
    named = "." in value or ("/" in value and len(value) != _AWS_LENGTH)
    mixed = value not in {value.lower(), value.upper()}
    return len(value) >= _LONG_VALUE and not named and sum(map(str.isdigit, value)) >= (1 if mixed else _DIGITS)


def _mask_named(text: str, lower: str, names: str, is_key: Callable[[str], object]) -> str:
    """Return `text` without the values that follow such names and may be keys.

    `lower` is `text` in lower case, of the same length.
    """
    pieces, done = [], 0
    for match in _compiled(names).finditer(lower):
        value = _VALUE.match(text, match.end())
        if value and match.end() >= done and is_key(value[0]):
            pieces += [text[done : match.end()], MASK]
            done = value.end()
    return "".join([*pieces, text[done:]]) if pieces else text


class Secrets:
    r"""The secrets of some credentials; it cuts them out of texts, however they are written there.

    Providers repeat keys as they are, in other cases, in JSON with escapes (`\/`, `\u002B`), in
    URLs (`%2B`, `%252B`), in HTML (`&#43;`, `&plus;`), in base64 and in hexadecimal digits.
    """

    __slots__ = ("_literals", "_values")

    def __init__(self, values: Iterable[str]) -> None:
        """Take the secrets; those of fewer than 8 characters are left out."""
        self._values = tuple(sorted({value for value in values if len(value) >= _SHORTEST_SECRET}, key=len, reverse=True))
        self._literals: tuple[str, ...] | None = None

    def cut(self, text: str) -> str:
        """Return a text with each secret, and whatever looks like one (`mask`), replaced by `***`."""
        return mask(self.cut_known(text))

    def cut_known(self, text: str) -> str:
        """Return a text with each of these secrets, and nothing else, replaced by `***`."""
        if not self._values:
            return text
        if self._literals is None:
            self._literals = tuple(dict.fromkeys(form for value in self._values for form in _forms(value)))
        lower, plain = text.lower(), ""
        if "\\" in text or "%" in text or "&" in text or "=" in text:
            plain = _unescaped(text).lower()
        for literal in self._literals:
            if literal in lower:
                text = _compiled(f"(?i:{re.escape(literal)})").sub(MASK, text)
            if literal in plain:
                text = _compiled(_in_any_writing(literal)).sub(MASK, text)
        return text

    def cut_bytes(self, data: bytes) -> bytes:
        """Return bytes with each of these secrets replaced, as `cut_known` does.

        The encoding is kept.
        """
        text = data.decode("latin-1")
        kept = self.cut_known(text)
        return data if kept is text else kept.encode("latin-1")

    def __iter__(self) -> Iterator[str]:
        """The values themselves, the longest first."""
        return iter(self._values)

    def __repr__(self) -> str:
        return f"<Secrets: {len(self._values)}>"

    def __reduce__(self) -> tuple[type[Secrets], tuple[tuple[str, ...]]]:
        """Pickle an empty set: secrets go to no other process."""
        return Secrets, ((),)


class HoldsKeys(Protocol):
    """A credential, or an endpoint of one."""

    @property
    def api_key(self) -> Secret | None:
        """Its key, or a pair (`AK:SK`)."""

    @property
    def headers(self) -> Mapping[str, str]:
        """Its extra headers."""


NO_SECRETS: Final = Secrets(())
"""For places where no key is known: only what looks like a key is cut out."""


def secrets_of(credentials: Iterable[HoldsKeys]) -> Secrets:
    """Return the secrets of some credentials.

    They are the keys, each half of a pair (`AK:SK`), the values of headers that may hold a key, and what a `Credential` calls `hidden`.
    """
    values: set[str] = set()
    for credential in credentials:
        if credential.api_key:
            key = credential.api_key.reveal()
            values.update((key, *key.split(":")))
        values.update(_secret_headers(credential.headers))
        values.update(secret.reveal() for secret in getattr(credential, "hidden", ()))
    return Secrets(values)


def _secret_headers(headers: Mapping[str, str]) -> Iterator[str]:
    """Return the values of headers that may hold a key; of `Bearer KEY` the key as well."""
    for name, value in headers.items():
        if not _HARMLESS.fullmatch(name):
            yield value
            yield value.rpartition(" ")[2]


def _forms(value: str) -> Iterator[str]:
    """Return what a value may be written as, in lower case: itself, in base64, in base64 for URLs, in hexadecimal digits."""
    yield value.lower()
    for coded in _base64(value):
        yield coded.lower()
        yield coded.lower().replace("+", "-").replace("/", "_")
    yield value.encode().hex()


def _base64(value: str) -> Iterator[str]:
    """Return the base64 forms of a value, for each place where it may begin in a longer text.

    Characters that depend on the neighbours are left out.
    """
    raw = value.encode()
    for before in range(3):
        coded = b64encode(b"\0" * before + raw).decode().rstrip("=")
        start, end = -(-before * 4 // 3), (before + len(raw)) * 8 // 6
        if end - start >= _SHORTEST_VALUE:
            yield coded[start:end]


_AMPERSAND: Final = r"&(?:amp;|#38;)*"
_ESCAPE: Final = (
    r"(?<!\\)\\++(?:u([0-9a-fA-F]{4})|u\{0*([0-9a-fA-F]{1,4})\}|x([0-9a-fA-F]{2})|([0-3][0-7]{2})|([^\w\s\\]))"
    rf"|%(?:25)*([0-9a-fA-F]{{2}})|{_AMPERSAND}(?:\#0*([0-9]{{1,3}});?|\#[xX]0*([0-9a-fA-F]{{1,2}});?|(\w{{2,8}});)|=([0-9a-fA-F]{{2}})"
)
"""A letter that is escaped: in JSON and in programs' languages, in URLs, in HTML, in mails."""
_ROUNDS: Final = 3


def _unescaped(text: str) -> str:
    """Return a text without escapes; whoever escaped it may have done so several times."""
    for _ in range(_ROUNDS):
        plain = _compiled(_ESCAPE).sub(_letter_of, text)
        if plain == text:
            break
        text = plain
    return text


@cache
def _named_letters() -> Mapping[str, str]:
    from html.entities import html5  # noqa: PLC0415 - few texts need it

    return html5


def _letter_of(found: re.Match[str]) -> str:
    _, _, _, octal, sign, _, decimal, _, name, _ = found.groups()
    if sign or name:
        return sign or _named_letters().get(f"{name};", found[0])
    if octal:
        return chr(int(octal, 8))
    return chr(int(decimal)) if decimal else chr(int(found[found.lastindex or 0], 16))


def _in_any_writing(value: str) -> str:
    return "(?i:" + "".join(map(_letter, value)) + ")"


def _letter(letter: str) -> str:
    """Return the pattern of one letter, whatever its case, escaped or as it is.

    It is atomic, so that a text that almost holds a key is read once.
    """
    forms = {form for form in (letter, letter.upper()) if len(form) == 1}
    codes = sorted(map(ord, forms))
    names = [name for name, meant in _named_letters().items() if meant in forms and name.endswith(";")]
    of_programs = "|".join(rf"u{code:04x}|u\{{0*{code:x}\}}|x{code:02x}|{code:03o}" for code in codes)
    of_pages = "|".join([*(rf"\#0*+{code}(?!\d);?|\#x0*+{code:x}(?![0-9a-f]);?" for code in codes), *names])
    of_urls = "|".join(f"{code:02x}" for code in codes)
    sign = "" if letter.isalnum() else f"|{re.escape(letter)}"
    escaped = rf"(?<!\\)\\++(?:{of_programs}{sign})|%(?:25)*(?:{of_urls})|{_AMPERSAND}(?:{of_pages})|=(?:{of_urls})"
    return rf"(?>{escaped}|{re.escape(letter)})"
