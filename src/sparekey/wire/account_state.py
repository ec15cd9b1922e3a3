"""Thoughts in a request that only the account which made them can read or prove: signed, encrypted, or kept there under an id.

SDKs send the thoughts of earlier turns back. Another account, or another provider's model, refuses them with a 400, and the talk would
end with its account. Taken out, the talk goes on: what was said and done in it stays, and the model thinks anew.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING, Any, Final

from sparekey.wire.json_body import replaced, without

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sparekey.wire.request import WireRequest

    Foreign = Callable[[str], bool]

_MARKS: Final = (
    *(b'"signature"', b'"encrypted_content"', b'"thoughtSignature"', b'"thought_signature"', b'"reasoning_details"'),
    *(b'"thinking_blocks"', b"redacted_thinking", b'"rs_'),
)
"""What stands in the body of a request that holds such thoughts."""
_OF_THOUGHTS: Final = re.compile(r"signature|encrypted|thinking|thought|reasoning|\brs_", re.IGNORECASE)
_FAULTY_REQUEST: Final = (400, 404, 422)
_ANY_SIGNATURE: Final = "skip_thought_signature_validator"
"""What the Gemini API takes in the place of a signature that another model made:
https://ai.google.dev/gemini-api/docs/thought-signatures."""
_SIGNATURES: Final = ("thoughtSignature", "thought_signature")
_REFERENCES: Final = ("previous_response_id", "conversation", "prompt_cache_id")
"""Fields that name a talk which an account keeps: without it nothing is left of the talk."""


def refuses_state(status: int | None, text: str) -> bool:
    """Tell whether a host may refuse a request because it cannot read the thoughts in it."""
    return status in _FAULTY_REQUEST and _OF_THOUGHTS.search(text) is not None


def state_of(call: WireRequest) -> list[str]:
    """Return the thoughts of a request that one account can read: signatures, encrypted texts, ids."""
    found: list[str] = []

    def seen(one: str) -> bool:
        found.append(one)
        return True

    stripped(call, seen)
    return found


def stripped(call: WireRequest, foreign: Callable[[str], bool]) -> WireRequest | None:
    """Return a request without the thoughts that its host cannot read.

    Args:
        call: the request.
        foreign: tells of a signature, an encrypted text or an id whether it is another account's.

    Returns:
        The request; None: it holds none such, or it names a talk that an account keeps.
    """
    document = call.document
    if call.kind != "chat" or document is None or not any(mark in call.body for mark in _MARKS):
        return None
    name, read = _PLACES["responses" if call.resource == "responses" else call.dialect]
    turns = document.fields.get(name)
    if not isinstance(turns, list) or any(document.fields.get(one) for one in _REFERENCES):
        return None
    kept = list(read(turns, foreign))
    if kept == turns:
        return None
    document = replaced(document, name, kept)
    if call.dialect == "anthropic" and _is_amid_tools(turns, kept):
        document = without(document, ("thinking", "context_management"))
    return call._replace(document=document, body=document.text.encode())


def _messages(turns: list[Any], foreign: Foreign) -> Iterator[Any]:
    """Yield messages without foreign thoughts; one that held nothing else is gone."""
    for turn in turns:
        content = turn.get("content") if isinstance(turn, dict) else None
        if isinstance(content, list):
            kept = [block for block in content if not _is_foreign_block(block, foreign)]
            if kept or not content:
                yield turn if len(kept) == len(content) else {**turn, "content": kept}
        else:
            yield turn


def _is_foreign_block(block: Any, foreign: Foreign) -> bool:
    if not isinstance(block, dict) or block.get("type") not in {"thinking", "redacted_thinking"}:
        return False
    proof = block.get("signature") or block.get("data")
    return isinstance(proof, str) and foreign(proof)


def _is_amid_tools(turns: list[Any], kept: list[Any]) -> bool:
    """Tell whether the last message of the model calls tools and has lost its thoughts: the API refuses to think on behind such a one."""
    last, before = (next((one for one in reversed(found) if one.get("role") == "assistant"), None) for found in (kept, turns))
    if last is None or last == before or not isinstance(last.get("content"), list):
        return False
    return any(isinstance(block, dict) and block.get("type") == "tool_use" for block in last["content"])


def _contents(turns: list[Any], foreign: Foreign) -> Iterator[Any]:
    """Yield contents without foreign thoughts and signatures; a call of a tool gets the signature that stands for another model's."""
    for turn in turns:
        parts = turn.get("parts") if isinstance(turn, dict) else None
        if not isinstance(parts, list):
            yield turn
            continue
        kept = [one for part in parts if (one := _part(part, foreign)) is not None]
        if kept or not parts:
            yield turn if kept == parts else {**turn, "parts": kept}


def _part(part: Any, foreign: Foreign) -> Any:
    name = next((name for name in _SIGNATURES if isinstance(part, dict) and isinstance(part.get(name), str)), "")
    if not name or part[name] == _ANY_SIGNATURE or not foreign(part[name]):
        return part
    if "functionCall" in part or "function_call" in part:
        return {**part, name: _ANY_SIGNATURE}
    rest = {key: value for key, value in part.items() if key != name}
    return rest if rest and not part.get("thought") and rest != {"text": ""} else None


def _items(items: list[Any], foreign: Foreign) -> Iterator[Any]:
    """Yield items without foreign thoughts; with one of them gone the others lose their ids, which name it to their account."""
    kept = [item for item in items if not _is_foreign_item(item, foreign)]
    if len(kept) == len(items) or any(isinstance(item, dict) and item.get("type") == "item_reference" for item in kept):
        yield from items
        return
    for item in kept:
        is_own = isinstance(item, dict) and isinstance(item.get("id"), str) and item.get("type") != "mcp_approval_request"
        yield {name: value for name, value in item.items() if name != "id"} if is_own else item


def _is_foreign_item(item: Any, foreign: Foreign) -> bool:
    if not isinstance(item, dict) or item.get("type") != "reasoning":
        return False
    proof = item.get("encrypted_content") or item.get("id")
    return isinstance(proof, str) and foreign(proof)


def _chat(turns: list[Any], foreign: Foreign) -> Iterator[Any]:
    """Yield messages of a chat without foreign thoughts, wherever its hosts put them."""
    for turn in turns:
        if not isinstance(turn, dict) or turn.get("role") != "assistant":
            yield turn
            continue
        kept = dict(turn)
        for name in ("reasoning_details", "thinking_blocks"):
            if isinstance(blocks := turn.get(name), list):
                kept[name] = [block for block in blocks if not any(map(foreign, _proofs(block)))]
                if not kept[name] and blocks:
                    del kept[name]
        if isinstance(calls := turn.get("tool_calls"), list):
            kept["tool_calls"] = [_resigned(one, foreign) for one in calls]
        yield _resigned(kept, foreign)


def _proofs(block: Any) -> list[str]:
    return [found for name in ("signature", "data") if isinstance(block, dict) and isinstance(found := block.get(name), str)]


def _resigned(holder: Any, foreign: Foreign) -> Any:
    """Return a message, or a call, with the signature that stands for another model's, where Google's compatible host keeps one."""
    extra = holder.get("extra_content") if isinstance(holder, dict) else None
    google = extra.get("google") if isinstance(extra, dict) else None
    signature = google.get("thought_signature") if isinstance(google, dict) else None
    if extra is None or google is None or not isinstance(signature, str) or signature == _ANY_SIGNATURE or not foreign(signature):
        return holder
    return {**holder, "extra_content": {**extra, "google": {**google, "thought_signature": _ANY_SIGNATURE}}}


_PLACES: Final[dict[str, tuple[str, Callable[[list[Any], Foreign], Iterator[Any]]]]] = {
    "anthropic": ("messages", _messages),
    "gemini": ("contents", _contents),
    "responses": ("input", _items),
    "openai": ("messages", _chat),
}
"""The field of a request that holds its talk, and what reads it."""
