"""What every transport decides, sync or async, for whichever HTTP library: no I/O here.

An `Exchange` belongs to one transport. The library comes in as `lib` (`httpx2`, or `httpx` for SDKs that still use it): both have the
same names.
"""

from __future__ import annotations

import json
import logging
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Final, NamedTuple, TypeAlias

from sparekey.classify import classify
from sparekey.config.providers import find
from sparekey.config.spaces import within_one
from sparekey.errors import AllCredentialsFailedError
from sparekey.masking import secrets_of
from sparekey.transport.bindings import Bindings
from sparekey.transport.refusals import ABSENT, UNKNOWN_REFERENCE, Refused
from sparekey.types import ErrorClass, Evidence, Scope
from sparekey.wire import answer
from sparekey.wire.embeddings import inputs
from sparekey.wire.format import InnerError, NoAnswerError
from sparekey.wire.formats import DIALECTS
from sparekey.wire.json_body import replaced
from sparekey.wire.prefill import going_on, prefill
from sparekey.wire.request import understand
from sparekey.wire.rewrite import COUNTED, UnsafePathError, asks_for_usage, rewrite, safe
from sparekey.wire.stream_reader import wants_events

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Sequence

    from sparekey.transport.targets import Plan
    from sparekey.types import Attempt, Credential, Failure, Usage
    from sparekey.wire.request import WireRequest

logger = logging.getLogger("sparekey")

_EVENTS: Final = b"text/event-stream"
_RETRIES: Final = b"x-stainless-retry-count"
_REDIRECT: Final = 300
_SUCCESS: Final = 200
_BAD_REQUEST: Final = 400
_EVERYWHERE: Final = frozenset(
    {
        *("chat/completions", "embeddings", "messages"),
        *("generateContent", "streamGenerateContent", "embedContent", "batchEmbedContents"),
    }
)
"""What every host of its format has."""
_KEPT_BLAME: Final = frozenset({ErrorClass.AUTH, ErrorClass.QUOTA_EXCEEDED})
Way: TypeAlias = "Callable[[Credential], bool] | None"


class RawHeaders(NamedTuple):
    """Headers that are sent as they are."""

    raw: list[tuple[bytes, bytes]]


class Outgoing(NamedTuple):
    """The parts of a request that the libraries' own transports read: making a whole one would cost as much as all that we do."""

    method: str
    url: Any
    headers: RawHeaders
    stream: Any
    extensions: Any


def _milder(classify: Callable[[BaseException], Failure]) -> Callable[[BaseException], Failure]:
    """Return `classify` with a milder eye for requests about something else than the chain's model (a file, an image, a list).

    They may fail with one host because that host has no such thing. They move on, and park nobody whose key and balance are good.
    So do those that name what only one account holds (which one, nobody may know any more), and those for a path that not every host has:
    whoever asks there must not park the keys of all others.
    """

    def read(exc: BaseException) -> Failure:
        failure = classify(exc)
        if isinstance(exc, Refused) and exc.empty:
            return replace(failure, error_class=ErrorClass.PERMANENT, scope=Scope.REQUEST, evidence=Evidence.CERTAIN, retry_after=None)
        if failure.reason == UNKNOWN_REFERENCE:
            return replace(failure, error_class=ErrorClass.MODEL_NOT_FOUND, scope=Scope.REQUEST)
        if isinstance(exc, Refused) and exc.rare and exc.status_code in ABSENT and failure.error_class is ErrorClass.MODEL_NOT_FOUND:
            return replace(failure, scope=Scope.REQUEST)
        return _mild(failure, exc.status_code) if isinstance(exc, Refused) and exc.aside else failure

    return read


def _mild(failure: Failure, status: int) -> Failure:
    """Return how a failure counts that is not about the chain's model: what this host has not, another one may have."""
    if status in ABSENT:
        return replace(failure, error_class=ErrorClass.MODEL_NOT_FOUND, scope=Scope.REQUEST, evidence=Evidence.LIKELY)
    return failure if failure.error_class in _KEPT_BLAME else replace(failure, scope=Scope.REQUEST)


class Exchange:
    """One transport's chain, targets and memory."""

    def __init__(self, plan: Plan, lib: Any, *, keep_bound: bool = True) -> None:
        """Take a plan; `keep_bound`: requests about what one account holds stay with it."""
        self.lib, self.targets, self.vectors = lib, plan.targets, plan.vectors
        classify = within_one(plan.chain.classify) if plan.vectors is not None else plan.chain.classify
        self.chain = plan.chain.reading(_milder(classify))
        if self.vectors is not None:
            self.vectors.remembered_by(self.chain)
        self.bindings = Bindings()
        self._secrets = secrets_of(plan.targets.values())
        self._able = {
            dialect: frozenset(n for n, t in plan.targets.items() if DIALECTS[t.wire] == dialect) for dialect in DIALECTS.values()
        }
        self._keep_bound, self._warned = keep_bound, False
        self._url = lru_cache(256)(lib.URL)

    # what a request asks for, and of whom

    def call(self, request: Any, body: bytes) -> WireRequest:
        """Read a request of the SDK. One that no provider may see is refused here, before anybody could be blamed for it."""
        call = understand(request.method, request.url.raw_path, request.headers.raw, body)
        try:
            safe(call.resource)
        except UnsafePathError as exc:
            raise self.lib.LocalProtocolError(str(exc)) from None
        if not self._warned and any(name == _RETRIES and count != b"0" for name, count in call.headers):
            self._warned = True
            logger.warning("the SDK repeats failed requests by itself, on top of the chain: give it max_retries=0 (sdk_options does)")
        return call

    def ways(self, call: WireRequest) -> list[Way]:
        """Return whom to ask, as a list of restrictions that are tried one after the other; None is no restriction.

        A request about something else than the chain's model asks the active credential first, and never moves it.
        """
        able = self._able[call.dialect]
        if not able:
            raise self.lib.UnsupportedProtocol(f"no credential of the chain speaks the {call.dialect} format of this request")
        owner = self.bindings.owner(call) if self._keep_bound else None
        active = self.chain.active_id
        if owner in able:
            return [_only({owner})]
        if call.kind == "other" and active in able:
            return [_only({active}), _only(able - {active})] if len(able) > 1 else [_only({active})]
        return [None if len(able) == len(self.chain.credentials) else _only(able)]

    def request(self, call: WireRequest, credential: Credential, original: Any, *, own: bool) -> Any:
        """Return the request as it goes to a credential's host; `own`: to a transport that we made."""
        url, headers, body = rewrite(call, self.targets[credential.id])
        stream = self.lib.ByteStream(body)
        if own:
            return Outgoing(call.method, self._url(url), RawHeaders(headers), stream, original.extensions)
        return self.lib.Request(call.method, self._url(url), headers=headers, stream=stream, extensions=original.extensions)

    def going_on(self, call: WireRequest, credential: Credential, text: str) -> WireRequest | None:
        """Return a request for what comes behind a text, or None where the credential's model is not known to take such a one."""
        target = self.targets[credential.id]
        provider = find(credential.provider)
        marks = prefill(provider.name if provider else credential.provider, target.model or call.model)
        messages = call.get("messages")
        if marks is None or call.document is None or not isinstance(messages, list):
            return None
        document = replaced(call.document, "messages", going_on(messages, text, marks))
        return call._replace(document=document, body=document.text.encode())

    def refusal(self, call: WireRequest) -> str:
        """Return why a request cannot be served, whoever is asked, or ""."""
        return self.vectors.refusal(call) if call.kind == "embed" and self.vectors is not None else ""

    def refuse(self, text: str) -> Any:
        """Return the response to a request that cannot be served."""
        error = {"message": text, "type": "invalid_request_error", "code": "invalid_request_error", "status": "INVALID_ARGUMENT"}
        body = json.dumps({"type": "error", "error": error}).encode()
        headers = [("content-type", "application/json"), ("content-length", str(len(body)))]
        return self.lib.Response(_BAD_REQUEST, headers=headers, stream=self.lib.ByteStream(body))

    # what came back

    def is_stream(self, call: WireRequest, response: Any) -> bool:
        """Return whether a response is read as a stream of events, and handed on as one: where a model was asked for one, always."""
        if response.status_code >= _REDIRECT:
            return False
        if call.kind != "chat" or not wants_events(call):
            return _media_type(response) == _EVENTS
        response.headers["content-type"] = "text/event-stream"
        response.headers.pop("content-length", None)
        return True

    def wants_reading(self, call: WireRequest, response: Any) -> bool:
        """Return whether a response has to be read before the SDK gets it: what is not (audio, files) is passed on as it comes."""
        return call.kind != "other" or response.status_code >= _REDIRECT or _media_type(response) == b"application/json"

    def judged(self, call: WireRequest, credential: Credential, response: Any, raw: bytes) -> Any:
        """Return a response that was read, for the SDK.

        Raises:
            Refused: it is an error, whatever its status.
            Exception: the library's own, for a success that is no answer.
        """
        body = self.decoded(response, raw)
        if response.status_code >= _REDIRECT:
            raise self.refused(call, credential, response, raw, body)
        try:
            found = answer.read(call, body)
        except InnerError as error:
            raise self.refused(call, credential, response, error.data, error.data) from None
        except NoAnswerError as exc:
            raise self.lib.RemoteProtocolError(str(exc)) from None
        response.extensions["sparekey_usage"] = found.summary.usage
        if call.kind == "other" or call.resource == "responses":
            self.bindings.learn(call, credential.id, found.value)
        if call.dialect == "gemini" and (upload := response.headers.get("x-goog-upload-url")):
            self.bindings.learn_upload(credential.id, upload)
        anew = found.body
        if call.kind == "embed" and self.vectors is not None:
            anew = self.vectors.admit(credential.id, call, body)
        response.stream = self.lib.ByteStream(raw if anew is None else self._anew(response, anew))
        return response

    def _anew(self, response: Any, body: bytes) -> bytes:
        """Let the headers of a response speak of a body that was written anew; return that body."""
        response.headers.pop("content-encoding", None)
        response.headers["content-type"] = "application/json"
        response.headers["content-length"] = str(len(body))
        return body

    def hides_usage(self, call: WireRequest, credential: Credential) -> bool:
        """Return whether a stream's event with nothing but tokens is kept from the caller, who did not ask for it."""
        return self.targets[credential.id].stream_usage and call.resource in COUNTED and not asks_for_usage(call)

    def refused(self, call: WireRequest, credential: Credential, response: Any, raw: bytes, body: bytes, event: bytes = b"") -> Refused:
        """Return a refusal. Where the provider repeats a key, the caller must not see it: he was never given it."""
        cut = self._secrets.cut_bytes(body)
        if cut != body:
            raw = body = cut
            event = self._secrets.cut_bytes(event)
            response.headers.pop("content-encoding", None)
            response.headers["content-length"] = str(len(raw))
        for name, value in response.headers.items():
            if (shown := self._secrets.cut_known(value)) != value:
                response.headers[name] = shown
        aside = call.kind == "other"
        found = Refused(response, raw, body, event=event, aside=aside, rare=_is_rare(call), credential_id=credential.id)
        found.empty = call.kind == "embed" and inputs(call) == 0
        return found

    def decoded(self, response: Any, raw: bytes) -> bytes:
        """Return the body of a response without its encoding."""
        encoding = _header(response, b"content-encoding")
        if not encoding:
            return raw
        return bytes(self.lib.Response(_SUCCESS, headers=[(b"content-encoding", encoding)], content=raw).content)

    def decoding(self, response: Any) -> Any:
        """Return a response to read the decoded bytes of a stream from, or None if they are not encoded; the SDK gets them decoded."""
        encoding = response.headers.pop("content-encoding", None)
        response.headers.pop("content-length", None)
        return self.lib.Response(_SUCCESS, headers={"content-encoding": encoding}, stream=response.stream) if encoding else None


def counted(response: Any) -> Usage | None:
    """Return the tokens of an answer that was read."""
    usage: Usage | None = response.extensions.get("sparekey_usage")
    return usage


def noted(response: Any, attempts: Sequence[Attempt]) -> Any:
    """Return a response with the ledger of the call, for whoever looks for it in `response.extensions`."""
    response.extensions["sparekey_attempts"] = attempts
    return response


def merged(faults: list[AllCredentialsFailedError]) -> AllCredentialsFailedError:
    """Return one error for the several restrictions under which a request was tried."""
    if len(faults) == 1:
        return faults[0]
    waits = [fault.retry_after for fault in faults if fault.retry_after is not None]
    entries = [entry for fault in faults for entry in fault.errors]
    error = AllCredentialsFailedError(entries, min(waits, default=None), secrets=faults[0].secrets)
    agreed = [fault.agreed for fault in faults if fault.agreed is not None]
    if len(agreed) == len(faults) and len({classify(one).fingerprint for one in agreed}) == 1:
        error.agreed = agreed[0]
    return error


def _is_rare(call: WireRequest) -> bool:
    """Tell whether the chain's model is asked in a way that not every host has (`responses`, the counting of tokens)."""
    return call.kind != "other" and call.resource.rpartition(":")[2] not in _EVERYWHERE


def _header(response: Any, wanted: bytes) -> bytes:
    """Return a header of a response, or b""; the libraries' own look-up is many times slower."""
    for name, value in response.headers.raw:
        if name == wanted or (len(name) == len(wanted) and name.lower() == wanted):
            return value  # type: ignore[no-any-return]
    return b""


def _media_type(response: Any) -> bytes:
    return _header(response, b"content-type").partition(b";")[0].strip().lower()


def _only(names: Collection[str | None]) -> Callable[[Credential], bool]:
    return lambda credential: credential.id in names
