"""Cases as they arrive: the same two shapes that the shared score uses, over any file of labelled errors."""

import json
from pathlib import Path

HERE = Path(__file__).parent
RECORDED = HERE / "recorded.jsonl"
NOW = 1_790_000_000.0
"""When the tests' clock stands still: 2026-09-21."""
FAIL_FAST = {"permanent", "content_safety", "input_too_large"}


def load(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines() if line.strip()]


def find_shared():
    """Return the shared corpus, which lies beside the clone, or None."""
    return next((p for up in HERE.parents if (p := up / "shared" / "errors" / "corpus.jsonl").exists()), None)


def reaction(label):
    return "fail_fast" if label in FAIL_FAST else "retry" if label == "transient" else "advance"


class Response:
    def __init__(self, status, headers, body):
        self.status_code, self.headers = status, headers
        self.content = raw(body)


def raw(body):
    return (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()


def exception(case, *, rich):
    """Return the exception a user's SDK would raise: with its attributes, or with nothing but its text."""
    given, body, status = case["exception"] or {}, case["body"], case["status"]
    module, _, name = (given.get("type") or "openai.APIStatusError").rpartition(".")
    text = given.get("message") or (f"Error code: {status} - {body}" if status else str(body))
    exc = type(name if name.isidentifier() else "APIError", (Exception,), {"__module__": module or "builtins"})(text)
    if rich:
        exc.message, exc.status_code = text, status
        if body is not None or case["headers"]:
            exc.body, exc.response = body, Response(status, case["headers"], body)
    return exc


def judge(classifier, case, *, rich):
    if rich and case["body"] is not None and not case["exception"]:
        return classifier.classify_response(case["status"], case["headers"], raw(case["body"]))
    return classifier.classify(exception(case, rich=rich))


def right(case, failure):
    return failure.error_class.value in {case["class"], *case["also"]}


def right_reaction(case, failure):
    return reaction(failure.error_class.value) in {reaction(c) for c in (case["class"], *case["also"])}
