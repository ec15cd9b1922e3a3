"""What is said about keys that are not the caller's: whose they are, and what a whole chain has to say."""

from __future__ import annotations

import math
import re
from typing import TYPE_CHECKING, Any, Final, NamedTuple

from sparekey.masking import mask
from sparekey.types import ErrorClass
from sparekey.wire import json_body

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from sparekey.types import Failure
    from sparekey.wire.json_body import Document

_NAMED: Final = 3
"""So many credentials that say the same are called by their names."""
_QUOTED: Final = 160
"""Letters of a provider's words that one credential gets in the message of a whole chain; `sparekey.causes` has them whole."""
_SPANS: Final = ((86400.0, "days"), (3600.0, "h"), (60.0, "min"))
_AT_LEAST: Final = 2.0
"""From two minutes on a wait is told in minutes, and so on."""
_ACCOUNT: Final = (
    r"(?:[a-z][\w-]*\s+){0,3}?(?:keys?|tokens?|credentials?|credits?|balances?|(?:sub)?accounts?|billing|quotas?|plans?|subscriptions?"
    r"|organi[sz]ations?|projects?|workspaces?|teams?|tenants?|tiers?|usage|spend(?:ing)?|limits?|payments?|deployments?|resources?)\b"
)
"""What belongs to a key or its account, with up to three words before it: "your", said of it, is not the caller's."""
_KEY: Final = re.compile(
    r"\byou(?P<has>['\u2019]ve|\s+have)?\s+(?P<did>[a-z]+ed|hit|run\s+out\s+of|ran\s+out\s+of|used\s+up)\s+"
    rf"(?P<all>all\s+(?:of\s+)?)?your\b(?!\s+api[-_ ]?key)(?=\s+{_ACCOUNT})"
    r"|(?P<of>\b(?:your|the|an?|this|that)\s+)?(?<![\w/.-])(?:x-goog-|x-)?api[-_ ]?key(?P<many>s)?(?![\w/-])"
    rf"|\byour\b(?=\s+{_ACCOUNT})|[您你]的(?=[^\uff0c\u3002,.]{{0,6}}?(?:账户|账号|帐户|帐号|余额|密钥|秘钥|令牌|额度|配额|套餐|组织|项目|key|token))",
    re.IGNORECASE,
)
"""What names a key, or something of the caller's, in a provider's words; not in addresses (`account/api-keys`)."""
_FAULT: Final = r"(?:invalid|incorrect|wrong|expired|revoked|disabled|unknown|malformed|missing|bad|no|not|valid|without|unauthori[sz]ed)"
_NOUN: Final = r"(?:api|access|secret|auth\w*|subscription)[-_ ]?(?:key|token|credential)s?"
_BLAMES: Final = re.compile(
    rf"\b{_FAULT}\b\W+(?:\w+\W+){{0,2}}?(?:x-(?:goog-)?)?{_NOUN}\b|\b{_NOUN}\b[^.]{{0,60}}\b{_FAULT}\b"
    r"|x-(?:goog-)?api-key|\byour\s+(?:\w+\s+){{0,2}}?(?:key|token|credentials?|credits?|balance|account|billing|quota|plan|subscription)\b"
    r"|(?:令牌|密钥|秘钥|鉴权|余额|欠费)",
    re.IGNORECASE,
)
"""What reads as if the caller's own key or account were bad."""
_OF_REQUESTS: Final = frozenset({ErrorClass.PERMANENT, ErrorClass.CONTENT_SAFETY, ErrorClass.INPUT_TOO_LARGE})
_OF_ACCOUNTS: Final = frozenset({ErrorClass.AUTH, ErrorClass.QUOTA_EXCEEDED})
_FIELDS: Final = ("message", "msg", "detail", "error_msg", "error_description")


class Cause(NamedTuple):
    """What became of one credential of an exhausted chain.

    Attributes:
        who: its id.
        error_class: what its failure is.
        reason: the finer cause.
        status: the HTTP status, or None if there was none.
        words: what its provider said, without keys; "" if it was not asked.
        parked: whether it was not asked.
        seconds: for how long it will not be asked; None: until a person releases it.
    """

    who: str
    error_class: str
    reason: str
    status: int | None = None
    words: str = ""
    parked: bool = False
    seconds: float | None = None

    @property
    def fields(self) -> dict[str, Any]:
        """As it stands in the `sparekey` object."""
        if self.parked:
            found: dict[str, Any] = {"parked_for": None if self.seconds is None else round(self.seconds, 3)}
        else:
            found = {"status": self.status, "message": attributed(self.words, self.who)}
        return {"credential": self.who, "class": self.error_class, "reason": self.reason, **found}


def attributed(text: str, who: str, whose: str = "", subject: str = "") -> str:
    """Return a provider's words with the name of the credential that they were said to, in the place of "your" and of headers with keys.

    Only what belongs to a key or an account is renamed: "You exceeded your quota" becomes "a exceeded its quota", and "your request"
    stays the caller's.

    Args:
        text: the words.
        who: the credential's name, or what stands for several.
        whose: what stands for "your"; "" is `who` with an apostrophe.
        subject: what stands for "you" before "your"; "" is `who`.
    """
    if not who or not text:
        return text

    def named(found: re.Match[str]) -> str:
        if found["did"]:
            has = "has " if found["has"] else ""
            return f"{subject or who} {has}{found['did']} {found['all'] or ''}its"
        if not found[0].lower().endswith(("key", "keys")):
            return (whose or f"{who}'s") if found[0].isascii() else f"{who} 的"
        return f"{'the ' if found['of'] else ''}key{found['many'] or ''} of {who}"

    return _KEY.sub(named, text)


def blames_a_key(failure: Failure) -> bool:
    """Tell whether a provider's words read as if the caller's own key or account were bad."""
    return bool(_BLAMES.search(failure.message))


def about_whom(failure: Failure, who: str, many: int) -> str:
    """Return the note on a provider's words that reads as if they were about something of the caller's; "" where they do not.

    Where a whole chain was refused in them, the note says so, unless they are certain to be about the request.

    Args:
        failure: the refusal.
        who: the credential that was refused.
        many: how many credentials were refused in these words, where they are all that the chain has; else 0 or 1.
    """
    if failure.error_class is ErrorClass.QUOTA_EXCEEDED or blames_a_key(failure):
        what = "a key or account named here is that credential's, not yours"
    elif failure.error_class is ErrorClass.MODEL_NOT_FOUND:
        what = "a model named here is that credential's, as configured in sparekey"
    else:
        what = ""
    whole = f"all {many} credentials of this chain failed like this" if many > 1 and failure.error_class not in _OF_REQUESTS else ""
    said = f"said to sparekey's credential {who!r}: {what}" if what else ""
    note = "; ".join(filter(None, (whole, said)))
    return f" ({note})" if note else ""


def noted(document: Document, about: str) -> Document:
    """Return a provider's JSON with a note behind its message.

    The message itself stays: its words may be the caller's own, repeated. Where none is found, nothing changes.
    """
    for name in ("error", *_FIELDS):
        value = document.fields.get(name)
        if isinstance(value, str) and value:
            return json_body.replaced(document, name, value + about)
        if isinstance(value, dict) and (field := next((f for f in _FIELDS if isinstance(value.get(f), str)), None)):
            return json_body.replaced(document, name, {**value, field: value[field] + about})
    return document


def refused(failure: Failure, who: str, status: int | None) -> str:
    """Return the message of one refusal that is told in our words."""
    whom = f"the provider refused sparekey's credential {who!r}" if who else "the provider refused the request"
    said = attributed(failure.message, who).rstrip(". ")
    ours = failure.error_class in _OF_ACCOUNTS or blames_a_key(failure)
    return mask(f"{whom} ({_how(failure.reason, status)})" + (f": {said}" if said else "")) + (_whose(1) if ours else "")


def exhausted(causes: Sequence[Cause], wait: float | None) -> str:
    """Return the message of an exhausted chain: that it was one, what each of its credentials said, and when it is worth asking again."""
    whole = "the one credential of this chain failed" if len(causes) == 1 else f"all {len(causes)} credentials of this chain failed"
    said = "; ".join(map(_line, _groups(causes)))
    again = "" if wait is None else f". The soonest returns in {span(wait)}"
    ours = any(one.error_class in _OF_ACCOUNTS or _BLAMES.search(one.words) for one in causes)
    return mask(f"{whole}: {said}{again}" if said else whole + again) + (_whose(len(causes)) if ours else "")


def span(seconds: float) -> str:
    """Return a time in the unit that people would choose."""
    for size, unit in _SPANS:
        if seconds >= _AT_LEAST * size:
            return f"{round(seconds / size, 1):g} {unit}"
    return f"{max(1, math.ceil(seconds))} s"


def _whose(many: int) -> str:
    owner = "that credential's" if many == 1 else "those credentials'"
    return f". Keys and accounts named here are {owner}, as configured in sparekey, not yours"


def _groups(causes: Iterable[Cause]) -> Iterable[list[Cause]]:
    """Return those who say the same together, in the order of the first ones."""
    groups: dict[Cause, list[Cause]] = {}
    for one in causes:
        groups.setdefault(one._replace(who="", seconds=None), []).append(one)
    return groups.values()


def _line(group: list[Cause]) -> str:
    first, names = group[0], [one.who for one in group]
    whom = ", ".join(names) if len(names) <= _NAMED else f"{', '.join(names[: _NAMED - 1])} and {len(names) - _NAMED + 1} others"
    if first.parked:
        waits = [one.seconds for one in group if one.seconds is not None]
        return f"{whom} ({first.reason}, {f'not asked for another {span(min(waits))}' if waits else 'held by a person'})"
    text = attributed(first.words, *((names[0],) if len(names) == 1 else ("each", "each credential's", "each credential"))).rstrip(". ")
    words = text if len(text) <= _QUOTED else text[: _QUOTED - 1] + "…"
    return f"{whom} ({_how(first.reason, first.status)})" + (f": {words}" if words else "")


def _how(reason: str, status: int | None) -> str:
    return f"{reason}, HTTP {status}" if status else reason
