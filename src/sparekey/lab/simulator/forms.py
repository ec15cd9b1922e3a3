"""Forms with files (`multipart/form-data`), as the simulated provider reads them: with the standard library's parser of mail."""

from __future__ import annotations

from email.parser import BytesParser
from email.policy import HTTP
from typing import TYPE_CHECKING, NamedTuple

from sparekey.lab.simulator.faults import bad_request
from sparekey.lab.simulator.wires.base import UnreadableRequestError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from email.message import Message

    from sparekey.lab.simulator.seen import ReceivedRequest


class Upload(NamedTuple):
    """A file of a form."""

    name: str
    content_type: str
    data: bytes


def form_body(seen: ReceivedRequest, *needed: str) -> Mapping[str, str | Upload]:
    """Return the fields of a form, of several with one name the last; refuse it as `bad_request` if it is none or lacks a `needed` one."""
    kind = seen.headers.get("content-type", "")
    if not kind.lower().startswith("multipart/form-data"):
        raise UnreadableRequestError(bad_request(message=f"Unsupported content type: '{kind}'. Please use 'multipart/form-data'."))
    parsed = BytesParser(policy=HTTP).parsebytes(f"content-type: {kind}\r\n\r\n".encode() + seen.body)
    fields = dict(_field(part) for part in parsed.iter_parts())
    for name in needed:
        if name not in fields:
            raise UnreadableRequestError(bad_request(message=f"Missing required parameter: '{name}'."))
    return fields


def _field(part: Message) -> tuple[str, str | Upload]:
    name = str(part.get_param("name", "", "content-disposition")).removesuffix("[]")
    data = part.get_payload(decode=True)
    assert isinstance(data, bytes)  # a part that is itself a form has no name that anybody asks for
    filename = part.get_filename()
    return name, data.decode("utf-8", "replace") if filename is None else Upload(filename, part.get_content_type(), data)
