"""Wrappers of wrappers: the innermost provider's error decides, whatever language and however many escapes stand around it."""

import json

import pytest

from sparekey.classify import classify, classify_response

QUOTA = {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}}
J = json.dumps(QUOTA)


def escaped(times):
    """Return a gateway's body around `times` gateways around the provider's."""
    text = J
    for _ in range(times):
        text = json.dumps({"error": {"message": f"upstream error: {text}", "type": "upstream_error", "code": 500}})
    return text


@pytest.mark.parametrize("times", [1, 2, 3])
def test_escapes_one_to_three_deep(times):
    """Each gateway escapes what it wraps."""
    assert classify_response(500, {}, escaped(times).encode()).error_class == "quota_exceeded"
    assert classify(RuntimeError(f"Error code: 500 - {escaped(times)}")).error_class == "quota_exceeded"


@pytest.mark.parametrize(
    "text",
    [
        f"APIリクエストに失敗しました。ステータスコード: 429 - {J}",
        f"エラーが発生しました: {J}",
        f"API 호출에 실패했습니다 (오류: 429): {J}",
        f"요청을 처리하는 중 오류가 발생했습니다: {J}",
        f"请求失败，上游返回错误：{J}",  # noqa: RUF001 - Chinese punctuation
    ],
)
def test_japanese_korean_and_chinese_wrappers(text):
    """The words around it are not the provider's."""
    assert classify(RuntimeError(text)).error_class == "quota_exceeded"
    assert classify_response(500, {}, text.encode()).error_class == "quota_exceeded"


@pytest.mark.parametrize("raw", [J, QUOTA, json.dumps(J)], ids=["string", "object", "escaped"])
def test_openrouter_hands_the_providers_answer_on(raw):
    """`metadata.raw` decides where the outer message is "Provider returned error"."""
    body = {"error": {"message": "Provider returned error", "code": 429, "metadata": {"raw": raw, "provider_name": "OpenAI"}}}
    assert classify_response(429, {}, json.dumps(body).encode()).error_class == "quota_exceeded"


def test_an_error_event_inside_a_stream():
    """Anthropic's stream ends with an error event under a status of 200."""
    event = 'event: error\ndata: {"type":"error","error":{"type":"overloaded_error","message":"Overloaded"}}\n\n'
    failure = classify_response(200, {}, event.encode())
    assert (failure.error_class, failure.reason) == ("transient", "overloaded")


@pytest.mark.parametrize("message", ["余额不足，请充值", "prompt is too long: 210000 tokens > 200000 maximum"])  # noqa: RUF001 - Chinese
@pytest.mark.parametrize("indent", [None, 2])
def test_bytes_that_python_prints(message, indent):
    """A repr of bytes escapes UTF-8 and line ends: what it means is what the body means."""
    body = json.dumps({"error": {"message": message}}, ensure_ascii=False, indent=indent).encode()
    printed = classify(RuntimeError(f"litellm.APIError: AnthropicException - {body!r}"))
    plain = classify_response(None, {}, body)
    assert (printed.error_class, printed.message) == (plain.error_class, plain.message)
