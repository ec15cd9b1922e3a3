"""A request for content of the Gemini API, read into a conversation."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final, Literal

from sparekey.wire.conversation import values
from sparekey.wire.conversation.frames import CamelFields, Fields, built_in

if TYPE_CHECKING:
    from collections.abc import Callable


def read_request(fields: dict[str, Any]) -> values.Conversation:
    """Read a request for content; the API takes its fields in either spelling (`maxOutputTokens`, `max_output_tokens`). Never raises."""
    taken = CamelFields(fields)
    turns, tools = tuple(_turn(content) for content in taken.items("contents")), _tools(taken)
    with taken.inner("generationConfig") as config:
        sampling, form = _sampling(config), _response_format(config)
    return values.Conversation(
        model=taken.text("model"),
        system=_system(taken),
        turns=turns,
        tools=tools,
        tool_choice=_tool_choice(taken),
        sampling=sampling,
        response_format=form,
        extra=taken.rest,
    )


def _system(taken: Fields) -> tuple[values.SystemPrompt, ...]:
    found = taken.rest.get("systemInstruction")
    if not isinstance(found, dict | str):
        return ()
    del taken.rest["systemInstruction"]
    inner = CamelFields(found) if isinstance(found, dict) else Fields({"parts": [{"text": found}]})
    return (values.SystemPrompt(_parts(inner), is_plain=isinstance(found, str), extra=inner.rest),)


def _turn(content: Any) -> values.ChatTurn:
    if not isinstance(content, dict):
        return values.ChatTurn("user", (values.TextPart(content) if isinstance(content, str) else values.OpaquePart(content),))
    taken = CamelFields(content)
    role: Literal["user", "assistant"] = taken.word("role", {"user": "user", "model": "assistant"}) or "user"
    return values.ChatTurn(role, _parts(taken), extra=taken.rest)


def _parts(taken: Fields) -> tuple[values.Part, ...]:
    parts = taken.rest.get("parts")
    if isinstance(parts, dict | str):
        return (_part(taken.rest.pop("parts")),)
    return tuple(_part(part) for part in taken.items("parts"))


def _part(value: Any) -> values.Part:
    """Read a part; one that holds anything but what it says it is (code that was run, a new kind) is opaque."""
    if isinstance(value, str):
        return values.TextPart(value)
    if not isinstance(value, dict):
        return values.OpaquePart(value)
    taken = CamelFields(value)
    rest, found = taken.rest, [name for name in ("text", *_READ_PART) if name in taken.rest]
    if len(found) != 1 or not isinstance(rest[found[0]], str if found[0] == "text" else dict):
        return values.OpaquePart(value)  # a part of a kind that is not known, or of two
    if found[0] == "text":
        if rest.get("thought") is True:
            del rest["thought"]
            return values.ThinkingPart(taken.text("text"), taken.text("thoughtSignature"), extra=rest)
        return values.TextPart(taken.text("text"), rest)
    with taken.inner(found[0]) as inner:
        return _READ_PART[found[0]](inner, rest)


def _media(inner: Fields, rest: dict[str, Any]) -> values.Part:
    media_type = inner.text("mimeType")
    kind = next((kind for kind in ("image", "audio", "video") if media_type.startswith(f"{kind}/")), "file")
    data, url, name = inner.text("data"), inner.text("fileUri"), inner.text("displayName")
    return values.MediaPart(kind, data, media_type, url, name=name, extra=rest)  # type: ignore[arg-type]  # one of the four


def _call(inner: Fields, rest: dict[str, Any]) -> values.Part:
    return values.ToolCallPart(inner.text("id"), inner.text("name"), inner.schema("args") or {}, extra=rest)


def _result(inner: Fields, rest: dict[str, Any]) -> values.Part:
    response = inner.rest.pop("response", None)
    media = tuple(_part(part) for part in inner.items("parts"))
    return values.ToolResultPart(inner.text("id"), inner.text("name"), (values.OpaquePart(response), *media), extra=rest)


def _tools(taken: Fields) -> tuple[values.Tool, ...]:
    """Return the functions, each by itself, and the provider's own tools."""
    found: list[values.Tool] = []
    for tool in taken.items("tools"):
        if not isinstance(tool, dict):
            found.append(built_in(tool))
            continue
        inner = CamelFields(tool)
        found += [_function(one) for one in inner.items("functionDeclarations")]
        found += [built_in({name: value}, name) for name, value in inner.rest.items()]
    return tuple(found)


def _function(value: Any) -> values.Tool:
    if not isinstance(value, dict):
        return built_in(value)
    taken = CamelFields(value)
    return values.Tool(taken.text("name"), taken.text("description"), taken.schema("parametersJsonSchema"), extra=taken.rest)


def _tool_choice(taken: Fields) -> values.ToolChoice:
    with taken.inner("toolConfig") as config, config.inner("functionCallingConfig") as calling:
        mode = calling.word("mode", {"AUTO": "auto", "NONE": "none", "ANY": "required"})
        return values.ToolChoice(mode, calling.texts("allowedFunctionNames"))


def _sampling(config: Fields) -> values.Sampling:
    with config.inner("thinkingConfig") as thinking:
        budget, shown, effort = thinking.whole("thinkingBudget"), thinking.flag("includeThoughts"), thinking.text("thinkingLevel")
    return values.Sampling(
        max_tokens=config.whole("maxOutputTokens"),
        temperature=config.number("temperature"),
        top_p=config.number("topP"),
        top_k=config.number("topK"),
        stop=config.texts("stopSequences"),
        seed=config.whole("seed"),
        presence_penalty=config.number("presencePenalty"),
        frequency_penalty=config.number("frequencyPenalty"),
        answers=config.whole("candidateCount"),
        logprobs=config.flag("responseLogprobs"),
        top_logprobs=config.whole("logprobs"),
        effort=effort,
        thinking_budget=budget,
        include_thoughts=shown,
    )


def _response_format(config: Fields) -> values.ResponseFormat:
    """Read the form of the answer; `responseSchema`, which is no JSON schema but a dialect of OpenAPI's, stays where it is."""
    schema = config.schema("responseJsonSchema")
    kind = config.word("responseMimeType", {"text/plain": "text", "application/json": "json_object"})
    return values.ResponseFormat("json_schema" if schema is not None else kind, schema=schema)


_READ_PART: Final[dict[str, Callable[[Fields, dict[str, Any]], values.Part]]] = {
    "inlineData": _media,
    "fileData": _media,
    "functionCall": _call,
    "functionResponse": _result,
}
