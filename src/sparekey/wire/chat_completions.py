"""Chat completions, OpenAI's first format, which most hosts speak, and the completions that were before it.

https://platform.openai.com/docs/api-reference/chat
"""

from __future__ import annotations

from copy import deepcopy
from typing import TYPE_CHECKING, Any, Final, Literal

from sparekey.core.splice import Piece
from sparekey.types import Usage
from sparekey.wire.broken_stream import event_bytes, own_bytes, shaped
from sparekey.wire.conversation import (
    ChatTurn,
    Conversation,
    Fields,
    MediaPart,
    OpaquePart,
    RefusalPart,
    ResponseFormat,
    Sampling,
    SystemPrompt,
    TextPart,
    ThinkingPart,
    Tool,
    ToolCallPart,
    ToolChoice,
    ToolResultPart,
    media_of_url,
    parts_of,
    word_of,
)
from sparekey.wire.finish_reasons import judged
from sparekey.wire.format import ERROR, NOTHING, EventSummary, ToolPiece, count, mapping
from sparekey.wire.splice_texts import SILENT, THOUGHT, Spot, end_spots, field_spot

if TYPE_CHECKING:
    from collections.abc import Iterator, Sequence

    from sparekey.wire.broken_stream import Break
    from sparekey.wire.conversation import Part
    from sparekey.wire.splice_texts import Path

THOUGHTS: Final = frozenset(
    {"reasoning", "reasoning_content", "reasoning_details", "reasoning_text", "thinking", "thinking_blocks", "thought"}
)
"""Fields of a message that hold thoughts: content of a stream, but no answer."""
_THOUGHT_TEXTS: Final = frozenset({"reasoning_content", "reasoning", "thinking"})
"""Those of them that are read; where several hold the same, one is."""
_UNSPOKEN: Final = frozenset(
    {
        *("role", "name", "id", "tool_call_id", "annotations", "citations", "logprobs", "token_ids", "matched_stop", "stop_reason"),
        *("signature", "thought_signature", "provider_specific_fields", "extra_content", "prefix", "partial", "context", "metadata"),
    }
)
"""Fields of a message that say nothing of their own; what is not listed is a part of the answer."""
_SAID_IN: Final = ("text", "message", "delta")
"""Fields of a choice that hold what it says: of a completion, of a chat, of a chat's chunk."""
_CALLS: Final = frozenset({"tool_calls", "function_call"})
"""Fields of a message with which the caller's tools are called."""
_JOINED: Final = frozenset({"content", "refusal", "reasoning", "reasoning_content", "reasoning_text", "thinking", "thought"})
"""Fields of a message whose pieces are texts that follow each other."""
_ERROR_TYPES: Final = {429: "rate_limit_error", 500: "server_error", 502: "server_error", 503: "server_error", 504: "server_error"}


# What an event, or a whole answer, tells


def read_event(name: str, value: Any) -> EventSummary:
    """Read one chunk of a stream."""
    if not isinstance(value, dict):
        return NOTHING
    choices = value.get("choices")
    if name == "error" or ((not choices or "error" in value) and is_error(value)):
        return ERROR
    counted = value.get("usage") or "x_groq" in value or (choices and choices[0].get("usage"))
    usage, model = read_usage(value) if counted else None, value.get("model") or ""
    if not choices:
        return EventSummary(usage=usage, model=model) if usage else NOTHING
    if len(choices) == 1:
        return _choice(choices[0], usage, model)
    return _joined([_choice(choice, usage, model) for choice in choices])


def read_answer(value: Any) -> EventSummary | None:
    """Read a whole answer, which looks like one chunk with messages in the place of deltas."""
    return read_event("", value) if "choices" in value else None


def is_whole(value: Any) -> bool:
    """Tell whether an event is a whole answer: it has messages where deltas belong."""
    choices = value.get("choices") if isinstance(value, dict) else None
    return isinstance(choices, list) and any(isinstance(one, dict) and one.get("message") and not one.get("delta") for one in choices)


def fits(resource: str, value: Any, *, whole: bool = False) -> bool:
    """Tell whether an answer, or an event, has what it says in the field that SDKs read."""
    field = "text" if resource == "completions" else "message" if whole else "delta"
    choices = (value.get("choices") if isinstance(value, dict) else None) or ()
    return all(choice.get(field) or not any(choice.get(name) for name in _SAID_IN) for choice in choices)


def read_usage(value: Any) -> Usage | None:
    """Read the tokens; Groq has them under `x_groq`, Moonshot's streams in a choice."""
    if not isinstance(value, dict):
        return None
    found = value.get("usage") or mapping(value, "x_groq").get("usage") or _usage_in_choice(value)
    return counted(found) if isinstance(found, dict) else None


def counted(usage: dict[str, Any]) -> Usage:
    """Return the tokens of a `usage`: chats say `prompt_tokens`, the Responses API `input_tokens`."""
    return Usage(
        count(usage, "prompt_tokens", "input_tokens"),
        count(usage, "completion_tokens", "output_tokens"),
        count(mapping(usage, "prompt_tokens_details", "input_tokens_details"), "cached_tokens"),
        count(mapping(usage, "completion_tokens_details", "output_tokens_details"), "reasoning_tokens"),
    )


def is_error(value: dict[str, Any]) -> bool:
    """Tell whether an event is an error: a host may write one in any of these ways."""
    if value.get("error") or value.get("object") == "error" or value.get("type") in {"error", "response.failed"}:
        return True
    return "code" in value and "message" in value and not {"choices", "type", "output"} & value.keys()


def texts_of(content: Any) -> tuple[str, str]:
    """Return the visible text and the thoughts of a message's content: a text, or parts of several types (Mistral)."""
    if isinstance(content, str):
        return content, ""
    if isinstance(content, dict):
        thoughts = content.get("thinking") or content.get("reasoning")
        return ("", "".join(texts_of(thoughts))) if thoughts else (str(content.get("text") or content.get("refusal") or ""), "")
    pairs = [texts_of(part) for part in content or ()]
    return "".join(text for text, _ in pairs), "".join(thoughts for _, thoughts in pairs)


def _choice(choice: dict[str, Any], usage: Usage | None, model: str) -> EventSummary:
    """Read one choice: a piece of it, or all."""
    if choice.get("error"):
        return ERROR
    content, said, text, thoughts, refusal = False, False, choice.get("text") or "", "", ""
    tools: tuple[ToolPiece, ...] = ()
    for name, value in (choice.get("delta") or choice.get("message") or {}).items():
        if not value or name in _UNSPOKEN:
            continue
        if name == "content":
            visible, thought = (value, "") if isinstance(value, str) else texts_of(value)
            text, thoughts, content = text + visible, thoughts + thought, content or bool(thought)
            said = said or not (isinstance(value, str) or visible or thought or _is_reference(value))
        elif name in THOUGHTS:
            content = True
            if not thoughts and name in _THOUGHT_TEXTS:
                thoughts = value if isinstance(value, str) else texts_of(value)[0]
        else:
            said = said or name not in _CALLS or any(map(_calls_one, value if isinstance(value, list) else [value]))
            if name == "tool_calls":
                tools = tuple(_tool_piece(position, call) for position, call in enumerate(value))
            elif name == "refusal":
                refusal = texts_of(value)[0]
    lane, finish, fault = choice.get("index") or 0, choice.get("finish_reason") or choice.get("finishReason") or "", ""
    if finish:
        callers, broken_off = judged(finish)
        said, fault = said or callers, finish if broken_off else ""
    shown = content or said or bool(text.strip())
    ended = (lane,) if finish else ()
    return EventSummary(shown, (lane,), ended, False, False, said, text or refusal, fault, thoughts, tools, finish, usage, model)


def _joined(choices: list[EventSummary]) -> EventSummary:
    """Return what several choices tell: the first one's words, and whether anything of the others is an answer."""
    if any(one.error for one in choices):
        return ERROR
    said = any(one.said or (number and one.text.strip()) for number, one in enumerate(choices))
    return choices[0]._replace(
        content=any(one.content for one in choices),
        begun=tuple(lane for one in choices for lane in one.begun),
        ended=tuple(lane for one in choices for lane in one.ended),
        said=bool(said),
        fault=next((one.fault for one in choices if one.fault), ""),
    )


def _calls_one(call: dict[str, Any]) -> bool:
    """Tell whether a tool call, or the piece of one, says which tool is called; what has no name calls nothing."""
    return bool(call.get("name")) or any(isinstance(inner, dict) and inner.get("name") for inner in call.values())


def _tool_piece(position: int, call: dict[str, Any]) -> ToolPiece:
    index, function = call.get("index"), call.get("function") or {}
    return ToolPiece(
        position if index is None else index, call.get("id") or "", function.get("name") or "", function.get("arguments") or ""
    )


def _is_reference(parts: Any) -> bool:
    """Tell whether parts without text are pieces of text that is empty yet, or point to sources, and show nothing of their own."""
    return all(isinstance(part, dict) and part.get("type") in {"text", "output_text", "thinking", "reference"} for part in parts)


def _usage_in_choice(value: dict[str, Any]) -> Any:
    choices = value.get("choices")
    first = choices[0] if isinstance(choices, list) and choices else None
    return first.get("usage") if isinstance(first, dict) else None


# A whole answer out of chunks, and chunks out of a whole answer


def answer_of_events(values: Sequence[tuple[str, Any]]) -> dict[str, Any]:
    """Put the chunks of a chat, or of a completion, together."""
    whole: dict[str, Any] = {}
    choices: dict[int, dict[str, Any]] = {}
    for _, value in values:
        if not isinstance(value, dict):
            continue
        whole |= {name: one for name, one in value.items() if name != "choices" and (one is not None or name not in whole)}
        for choice in value.get("choices") or ():
            index = choice.get("index") or 0
            _add_choice(choices.setdefault(index, {"index": index}), choice)
    for choice in choices.values():
        if calls := (choice.get("message") or {}).get("tool_calls"):
            choice["message"]["tool_calls"] = [calls[index] for index in sorted(calls)]
        choice.setdefault("finish_reason", None)
    is_chat = any("message" in choice for choice in choices.values()) or "chat" in str(whole.get("object"))
    whole["object"] = "chat.completion" if is_chat else "text_completion"
    return {**whole, "choices": [choices[index] for index in sorted(choices)]}


def events_of_answer(value: Any) -> bytes:
    """Return a chunk with all that each choice says, one with the ends, one with the usage."""
    return b"".join(_chunks(value))


def _chunks(value: dict[str, Any]) -> Iterator[bytes]:
    kind = "chat.completion.chunk" if any("message" in choice for choice in value["choices"]) else "text_completion"
    common = {name: one for name, one in value.items() if name not in {"choices", "usage"}} | {"object": kind}
    yield event_bytes({**common, "choices": [_opened(position, choice) for position, choice in enumerate(value["choices"])]})
    ends = [{**_bare(choice, position), "finish_reason": _end_of(choice)} for position, choice in enumerate(value["choices"])]
    yield event_bytes({**common, "choices": ends})
    if usage := value.get("usage"):
        yield event_bytes({**common, "choices": [], "usage": usage})
    yield b"data: [DONE]\n\n"


def _opened(position: int, choice: dict[str, Any]) -> dict[str, Any]:
    rest = {name: one for name, one in choice.items() if name not in {"message", "index", "finish_reason", "finishReason"}}
    opened = {"index": choice.get("index", position), **rest, "finish_reason": None}
    if "message" not in choice:
        return opened
    message = {"role": "assistant", **(choice["message"] or {})}
    if calls := message.get("tool_calls"):
        message["tool_calls"] = [{"index": number, **call} for number, call in enumerate(calls)]
    return {**opened, "delta": message}


def _end_of(choice: dict[str, Any]) -> str:
    """Return the finish reason of a whole choice: where it has none, it is whole all the same."""
    calls = (choice.get("message") or {}).get("tool_calls")
    return choice.get("finish_reason") or choice.get("finishReason") or ("tool_calls" if calls else "stop")


def _bare(choice: dict[str, Any], position: int) -> dict[str, Any]:
    empty: dict[str, Any] = {"delta": {}} if "message" in choice else {"text": ""}
    return {"index": choice.get("index", position), **empty}


def _add_choice(whole: dict[str, Any], piece: dict[str, Any]) -> None:
    for name, value in piece.items():
        if name in {"delta", "message"}:
            message = whole.setdefault("message", {"role": "assistant", "content": None})
            for field, one in (value or {}).items():
                _add_field(message, field, one)
        elif name == "text":
            whole["text"] = whole.get("text", "") + (value or "")
        elif name == "logprobs" and isinstance(value, dict) and isinstance(whole.get("logprobs"), dict):
            for field, one in value.items():
                before = whole["logprobs"].get(field)
                whole["logprobs"][field] = before + one if isinstance(before, list) and isinstance(one, list) else one
        elif value is not None or name not in whole:
            whole[name] = deepcopy(value)


def _add_field(message: dict[str, Any], name: str, value: Any) -> None:
    """Put a field's piece to what is there: texts are joined, lists go on, calls of tools are told apart by their index."""
    before = message.get(name)
    if value is None or value == "":
        message.setdefault(name, value)
    elif name == "tool_calls":
        calls = before if isinstance(before, dict) else {}
        for position, call in enumerate(value):
            index = call.get("index", position)
            calls[index] = _add_tool(calls.get(index), {k: v for k, v in call.items() if k != "index"})
        message[name] = calls
    elif name == "function_call":
        message[name] = {**(before or {}), **value, "arguments": (before or {}).get("arguments", "") + (value.get("arguments") or "")}
    elif name == "audio" and isinstance(before, dict):
        joined = {one: (before.get(one) or "") + (value.get(one) or "") for one in ("data", "transcript")}
        message[name] = {**before, **value, **joined}
    elif isinstance(before, list) and isinstance(value, list):
        message[name] = [*before, *value]
    elif name in _JOINED and isinstance(before, str) and isinstance(value, str):
        message[name] = before + value
    else:
        message[name] = deepcopy(value)


def _add_tool(whole: dict[str, Any] | None, piece: dict[str, Any]) -> dict[str, Any]:
    given = piece.get("function") or {}
    if whole is None:
        return {**piece, "function": {**given, "name": given.get("name") or "", "arguments": given.get("arguments") or ""}}
    function = whole["function"]
    function["name"] = function["name"] or given.get("name") or ""
    function["arguments"] += given.get("arguments") or ""
    return {**{name: one for name, one in piece.items() if one}, **{name: one for name, one in whole.items() if one}, "function": function}


# The texts of a chunk, to go on in another stream


def spots(value: dict[str, Any]) -> list[Spot]:
    """Return the texts of a chunk: thoughts before text, text before tool calls, in whatever order the host wrote the fields."""
    found: list[Spot] = []
    for position, choice in enumerate(value.get("choices") or ()):
        lane, at = choice.get("index") or 0, ("choices", position)
        if text := choice.get("text"):
            found.append(Spot(Piece(lane, "text", text), (*at, "text")))
        if delta := choice.get("delta"):
            _add_spots(found, lane, (*at, "delta"), delta)
        if choice.get("finish_reason"):
            found += end_spots(lane, choice, at, "finish_reason")
    return found


def _add_spots(found: list[Spot], lane: int, at: Path, delta: dict[str, Any]) -> None:
    if "role" in delta:
        found.append(Spot(Piece(lane, "", "")))
    names = sorted(delta, key=_place) if len(delta) > 1 else delta
    for name in names:
        text = delta[name]
        if not text or name in SILENT:
            continue
        if name == "tool_calls":
            for position, call in enumerate(text):
                found += _tool_spots(lane, (*at, name, position), call, call.get("index") or position)
        elif name == "function_call":
            found += _tool_spots(lane, (*at, name), {"function": text}, 0)
        else:
            found.append(Spot(Piece(lane, name, text), (*at, name)) if isinstance(text, str) else field_spot(lane, name, text, (*at, name)))


def _place(name: str) -> tuple[bool, bool]:
    return name == "tool_calls", name not in THOUGHT


def _tool_spots(lane: int, at: Path, call: dict[str, Any], index: int) -> Iterator[Spot]:
    function = call.get("function") or {}
    inner = at if at[-1] == "function_call" else (*at, "function")
    if name := function.get("name"):
        yield Spot(Piece(lane, f"tool {index} name", name), (), ((*inner, "name"), (*at, "id"), (*at, "type")))
    if text := function.get("arguments"):
        yield field_spot(lane, f"tool {index}", text, (*inner, "arguments"))


# Errors


def error_body(status: int, code: str, text: str) -> dict[str, Any]:
    """Return the JSON of an error."""
    return {"error": {"message": text, "type": _ERROR_TYPES.get(status, "invalid_request_error"), "param": None, "code": code}}


def broken(cut: Break) -> tuple[bytes, ...]:
    """Return the provider's own event where it has an object `error`, for which SDKs raise; else one that has."""
    value = cut.value
    if isinstance(value, dict) and isinstance(value.get("error"), dict):
        return (own_bytes(cut.event),)
    return (event_bytes(shaped(value) if value is not None else cut.ours(error_body)),)


# A request as a conversation


def read_request(fields: dict[str, Any]) -> Conversation:
    """Read a request for a chat; never raises."""
    taken = Fields(fields)
    system: list[SystemPrompt] = []
    turns: list[ChatTurn] = []
    for message in taken.items("messages"):
        _add_message(message, system, turns)
    spelled = next((name for name in ("max_completion_tokens", "max_tokens") if taken.rest.get(name) is not None), "")
    sampling = Sampling(
        max_tokens=taken.whole(spelled) if spelled else None,
        temperature=taken.number("temperature"),
        top_p=taken.number("top_p"),
        top_k=taken.number("top_k"),
        stop=(taken.text("stop"),) if isinstance(fields.get("stop"), str) else taken.texts("stop"),
        seed=taken.whole("seed"),
        presence_penalty=taken.number("presence_penalty"),
        frequency_penalty=taken.number("frequency_penalty"),
        answers=taken.whole("n"),
        logprobs=taken.flag("logprobs"),
        top_logprobs=taken.whole("top_logprobs"),
        effort=taken.text("reasoning_effort"),
    )
    spelling = {"max_tokens": spelled} if spelled else {}
    return Conversation(
        model=taken.text("model"),
        system=tuple(system),
        turns=tuple(turns),
        tools=tuple(_tool(tool) for tool in taken.items("tools")),
        tool_choice=_tool_choice(taken),
        sampling=sampling,
        response_format=_response_format(taken),
        stream=taken.flag("stream"),
        spelling=spelling | ({"stop": "text"} if isinstance(fields.get("stop"), str) else {}),
        extra=taken.rest,
    )


def _add_message(message: Any, system: list[SystemPrompt], turns: list[ChatTurn]) -> None:
    if not isinstance(message, dict):
        turns.append(ChatTurn("user", (OpaquePart(message),)))
        return
    taken = Fields(message)
    content, role = taken.rest.pop("content", None), word_of(message.get("role"))
    plain, parts = isinstance(content, str), parts_of(content, _part)
    if "content" in message and content is None:
        taken.rest["content"] = None
    if role in {"system", "developer"}:
        del taken.rest["role"]
        rank: Literal["system", "developer"] = "system" if role == "system" else "developer"
        system.append(SystemPrompt(parts, rank, len(turns), plain, taken.rest))
    elif role == "tool":
        result = ToolResultPart(taken.text("tool_call_id"), taken.text("name"), parts, is_plain=plain)
        turns.append(ChatTurn("user", (result,), extra=taken.rest))
    elif role == "assistant":
        del taken.rest["role"]
        turns.append(ChatTurn("assistant", _assistant_parts(taken, parts), plain, taken.rest))
    else:
        if role == "user":
            del taken.rest["role"]
        turns.append(ChatTurn("user", parts, plain, taken.rest))


def _assistant_parts(taken: Fields, parts: tuple[Part, ...]) -> tuple[Part, ...]:
    """Return thoughts, content, a refusal and calls of tools, in this order."""
    name = next((name for name in ("reasoning_content", "reasoning") if isinstance(taken.rest.get(name), str)), "")
    thoughts = (ThinkingPart(taken.text(name), extra={"field": name}),) if name else ()
    refused = (RefusalPart(taken.text("refusal")),) if isinstance(taken.rest.get("refusal"), str) else ()
    return (*thoughts, *parts, *refused, *(_tool_call(call) for call in taken.items("tool_calls")))


def _tool_call(call: Any) -> Part:
    if not isinstance(call, dict):
        return OpaquePart(call)
    taken = Fields(call)
    kind = taken.word("type", {"function": "function", "custom": "custom"}) or "function"
    with taken.inner(kind) as inner:
        name, arguments = inner.text("name"), inner.text("input" if kind == "custom" else "arguments")
    return ToolCallPart(taken.text("id"), name, arguments, kind == "custom", taken.rest)


def _part(taken: Fields, kind: str, depth: int) -> Part | None:
    """Read a part of a message."""
    del depth
    if kind in {"text", "refusal"} and isinstance(taken.rest.get(kind), str):
        del taken.rest["type"]
        return TextPart(taken.text("text"), taken.rest) if kind == "text" else RefusalPart(taken.text("refusal"), taken.rest)
    if kind not in {"image_url", "input_audio", "file", "video_url"} or not isinstance(taken.rest.get(kind), dict | str):
        return None
    del taken.rest["type"]
    if isinstance(taken.rest[kind], str):  # older hosts take a bare address
        return media_of_url("video" if kind == "video_url" else "image", taken.text(kind), extra=taken.rest)
    with taken.inner(kind) as inner:
        if kind == "input_audio":
            data, form = inner.text("data"), inner.text("format")
        elif kind == "file":
            data, file_id, name = inner.text("file_data"), inner.text("file_id"), inner.text("filename")
        else:
            url, detail = inner.text("url"), inner.text("detail")
    if kind == "input_audio":
        return MediaPart("audio", data, form, extra=taken.rest)
    if kind == "file":
        return media_of_url("file", data, file_id=file_id, name=name, extra=taken.rest)
    return media_of_url("video" if kind == "video_url" else "image", url, detail=detail, extra=taken.rest)


def _tool(tool: Any) -> Tool:
    if not isinstance(tool, dict):
        return Tool("", kind="built_in", extra={"value": tool})
    taken = Fields(tool)
    kind = taken.word("type", {"function": "function", "custom": "custom"})
    if not kind or not isinstance(taken.rest.get(kind), dict):
        return Tool(str(tool.get("type") or ""), kind="built_in", extra=tool)
    with taken.inner(kind) as inner:
        name, text, schema, strict = inner.text("name"), inner.text("description"), inner.schema("parameters"), inner.flag("strict")
    return Tool(name, text, schema, strict, kind, taken.rest)


def _tool_choice(taken: Fields) -> ToolChoice:
    parallel = taken.flag("parallel_tool_calls")
    if mode := taken.word("tool_choice", {"auto": "auto", "none": "none", "required": "required"}):
        return ToolChoice(mode, parallel=parallel)
    choice = taken.rest.get("tool_choice")
    named = choice.get(str(choice.get("type"))) if isinstance(choice, dict) else None
    if isinstance(named, dict) and isinstance(named.get("name"), str):
        return ToolChoice("required", (named["name"],), parallel, taken.rest.pop("tool_choice"))
    allowed = mapping(choice, "allowed_tools")
    tools = allowed.get("tools")
    names: list[Any] = [mapping(tool, "function").get("name") for tool in tools] if isinstance(tools, list) else []
    if word_of(allowed.get("mode")) in {"auto", "required"} and names and all(isinstance(name, str) for name in names):
        return ToolChoice(allowed["mode"], tuple(names), parallel, taken.rest.pop("tool_choice"))
    return ToolChoice(parallel=parallel)


def _response_format(taken: Fields) -> ResponseFormat:
    with taken.inner("response_format") as form:
        kind = form.word("type", {"text": "text", "json_object": "json_object", "json_schema": "json_schema"})
        with form.inner("json_schema") as inner:
            return ResponseFormat(kind, inner.text("name"), inner.schema("schema"), inner.flag("strict"))
