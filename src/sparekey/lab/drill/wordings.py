"""The refusals of providers, as `wordings.jsonl` holds them: one a line.

Each line says what the refusal blames, how much its words prove (docs/blame.md), its wire, and the
answer itself.
"""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cache
from importlib.resources import files
from typing import TYPE_CHECKING, Any, Final

from sparekey.classify import classify_response
from sparekey.lab.simulator.faults import RawBody, verbatim

if TYPE_CHECKING:
    from collections.abc import Mapping

REQUEST: Final = "request"
"""The request names something that this caller may not use; every other request is fine."""
CREDENTIAL: Final = "credential"
"""The key, the account or the model is gone for every request."""
FEATURE: Final = "feature"
"""This key does not take what some requests need; other keys do."""
LIMIT: Final = "limit"
"""One model's own limit; other models of the account go on."""
WAIT: Final = "wait"
"""The account's limit, with a reset days away."""
POSSIBLE, LIKELY, CERTAIN = "possible", "likely", "certain"
"""How much the words prove.

Text alone under 400, 404, 422 or 424 is possible; status and text that agree are likely; a code
that can mean nothing else is certain.
"""


@dataclass(frozen=True, slots=True)
class RefusalCase:
    """One refusal.

    Attributes:
        id: its name.
        about: what it blames: `request`, `credential`, `feature`, `limit` or `wait`.
        proof: how much it proves: `possible`, `likely` or `certain`.
        wire: the format: `openai`, `anthropic` or `gemini`.
        status: the HTTP status.
        body: the answer; a text is sent as it is.
        headers: its further headers.
    """

    id: str
    about: str
    proof: str
    wire: str
    status: int
    body: Any = field(hash=False)
    headers: Mapping[str, str] = field(default_factory=dict, hash=False)

    def fault(self, before: float = 0.0) -> RawBody:
        """Return the answer, to come after so many seconds."""
        if isinstance(self.body, str):
            return verbatim(self.status, self.body, content_type="text/html" if self.body.startswith("<") else "text/plain", before=before)
        return verbatim(self.status, json.dumps(self.body, ensure_ascii=False), before=before, headers=self.headers)

    def read(self) -> str:
        """Return the error class that the classifier reads in it."""
        body = self.body if isinstance(self.body, str) else json.dumps(self.body, ensure_ascii=False)
        return classify_response(self.status, self.headers, body).error_class

    @property
    def words(self) -> str:
        """What a person reads of it: the message, or the text of a page."""
        if isinstance(self.body, str):
            return self.body
        error = self.body.get("error")
        found = error.get("message") if isinstance(error, dict) else None
        return str(found or self.body.get("message") or self.body.get("detail"))


@cache
def wordings() -> tuple[RefusalCase, ...]:
    """Return all of them, in their order."""
    lines = files("sparekey.lab.drill").joinpath("wordings.jsonl").read_text("utf-8").splitlines()
    return tuple(RefusalCase(**json.loads(line)) for line in lines)


def about(*what: str, proof: str = "") -> tuple[RefusalCase, ...]:
    """Return those about something, of one proof if it is named."""
    return tuple(one for one in wordings() if one.about in what and proof in {"", one.proof})
