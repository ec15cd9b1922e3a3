"""Decide, without I/O, what a provider's response is: a stream, an answer, a refusal, or no answer at all.

The HTTP library comes in as `lib` (`httpx2`, `httpx` for SDKs that still use it, or the gateway's `upstream.messages`): all have the same
names.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

from sparekey.masking import secrets_of
from sparekey.transport.refusals import Refused
from sparekey.transport.side_requests import is_rare
from sparekey.wire import answer
from sparekey.wire.embeddings import inputs
from sparekey.wire.format import InnerError, NoAnswerError
from sparekey.wire.rewrite import COUNTED, asks_for_usage
from sparekey.wire.stream_reader import wants_events

if TYPE_CHECKING:
    from sparekey.transport.affinity import ResourceAffinity
    from sparekey.transport.routing_table import RoutingTable
    from sparekey.types import Credential, Usage
    from sparekey.wire.answer import WholeAnswer
    from sparekey.wire.request import WireRequest

_EVENTS: Final = b"text/event-stream"
PASSED: Final = "sparekey_passed"
"""The extension of a response whose body is passed on unread, whatever it is."""
_REDIRECT: Final = 300
_SUCCESS: Final = 200
_MOST_WORDS: Final = 64 * 1024
"""Bytes of an error that are read: no provider needs more to say what is wrong."""
_SPARE: Final = 4096
"""Bytes more, so that a key at the end of those is cut out as a whole."""


class ResponseValidator:
    """Tells good responses from bad ones and turns good ones into the form that the caller asked for.

    Attributes:
        lib: the HTTP library.
        affinity: told which credential made what.
    """

    def __init__(self, table: RoutingTable, lib: Any, affinity: ResourceAffinity) -> None:
        """Take where the requests of each credential go, what the vectors of the chain must be like, and the library."""
        self.lib, self.affinity = lib, affinity
        self._targets, self._vectors = table.targets, table.vectors
        self._secrets = secrets_of(table.targets.values())

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
        """Return whether a response has to be read before the SDK gets it.

        What is not (audio, files, an answer that is too long to be held) is passed on as it comes.
        """
        if response.extensions.get(PASSED):
            return False
        return call.kind != "other" or response.status_code >= _REDIRECT or _media_type(response) == b"application/json"

    def validated(self, call: WireRequest, credential: Credential, response: Any, raw: bytes) -> Any:
        """Return a response that was read, for the caller.

        Raises:
            Refused: it is an error, whatever its status.
            Exception: the library's own, for a success that is no answer.
        """
        body = self.decoded(response, raw)
        if response.status_code >= _REDIRECT:
            raise self.refused(call, credential, response, raw, body)
        try:
            found = self.read(call, credential.id, body)
        except InnerError as error:
            raise self.refused(call, credential, response, error.data, error.data) from None
        except NoAnswerError as exc:
            raise self.lib.RemoteProtocolError(str(exc)) from None
        response.extensions["sparekey_usage"] = found.summary.usage
        if call.kind == "other" or call.resource == "responses":
            self.affinity.learn(call, credential.id, found.value)
        if call.dialect == "gemini" and (upload := response.headers.get("x-goog-upload-url")):
            self.affinity.learn_upload(credential.id, upload)
        response.stream = self.lib.ByteStream(raw if found.body is None else self._anew(response, found.body))
        return response

    def read(self, call: WireRequest, credential_id: str, body: bytes) -> WholeAnswer:
        """Read the body of a success, without its encoding, as `wire.answer.read` does; vectors have to be those of the chain.

        Raises:
            InnerError: it holds an error in the place of an answer.
            NoAnswerError: it holds no answer.
            VectorSpaceError: a vector has another length.
            IncompleteAnswerError: one is no vector, or they are not as many as the inputs.
        """
        found = answer.read(call, body)
        if call.kind == "embed" and self._vectors is not None:
            return found._replace(body=self._vectors.admit(credential_id, call, body))
        return found

    def _anew(self, response: Any, body: bytes) -> bytes:
        """Make the headers of a response match a body that was written anew; return that body."""
        response.headers.pop("content-encoding", None)
        response.headers["content-type"] = "application/json"
        response.headers["content-length"] = str(len(body))
        return body

    def hides_usage(self, call: WireRequest, credential: Credential) -> bool:
        """Return whether a stream's tokens are kept from the caller: he did not ask for them, and we do."""
        return self._targets[credential.id].stream_usage and call.resource in COUNTED and not asks_for_usage(call)

    def refused(self, call: WireRequest, credential: Credential, response: Any, raw: bytes, body: bytes, event: bytes = b"") -> Refused:
        """Return a refusal. Where the provider repeats a key, the caller must not see it: he was never given it."""
        cut = self._secrets.cut_bytes(body[: _MOST_WORDS + _SPARE])[:_MOST_WORDS]
        if cut != body:
            raw = body = cut
            event = self._secrets.cut_bytes(event[: _MOST_WORDS + _SPARE])[:_MOST_WORDS]
            response.headers.pop("content-encoding", None)
            response.headers["content-length"] = str(len(raw))
        for name, value in response.headers.items():
            if (shown := self._secrets.cut_known(value)) != value:
                response.headers[name] = shown
        aside = call.kind == "other"
        found = Refused(response, raw, body, event=event, aside=aside, rare=is_rare(call), credential_id=credential.id)
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


def unread(response: Any, lib: Any) -> Any:
    """Return a response whose body is still to be read: a mock, or a cache, gives one that was, and hands on no other body than that."""
    if not response.is_stream_consumed:
        return response
    headers = response.headers.raw
    if _header(response, b"content-encoding"):  # its body comes decoded
        headers = [(name, value) for name, value in headers if name.lower() not in {b"content-encoding", b"content-length"}]
    stream = lib.ByteStream(response.content)
    return lib.Response(response.status_code, headers=headers, stream=stream, extensions=response.extensions)


def counted(response: Any) -> Usage | None:
    """Return the tokens of an answer that was read."""
    usage: Usage | None = response.extensions.get("sparekey_usage")
    return usage


def most_of(response: Any) -> float:
    """Return the most bytes of a response that are read as a whole, where that is known: of an error its beginning."""
    return _MOST_WORDS + _SPARE if response.status_code >= _REDIRECT else float("inf")


def _header(response: Any, wanted: bytes) -> bytes:
    """Return a header of a response, or b""; the libraries' own look-up is many times slower."""
    for name, value in response.headers.raw:
        if name == wanted or (len(name) == len(wanted) and name.lower() == wanted):
            return value  # type: ignore[no-any-return]
    return b""


def _media_type(response: Any) -> bytes:
    return _header(response, b"content-type").partition(b";")[0].strip().lower()
