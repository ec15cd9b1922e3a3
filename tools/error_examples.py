"""The labelled errors of data/errors: how to load them, which belong together, how they arrive."""

import hashlib
import json
import re
import tokenize
import zlib
from collections import defaultdict
from pathlib import Path

from sparekey.classify import features as _features
from sparekey.classify import text_model
from sparekey.classify.evidence import ErrorReading, lower_headers
from sparekey.classify.exceptions import kind_of, read_exception, text_of
from sparekey.classify.reasons import Reason
from sparekey.classify.text_model import Guess
from sparekey.classify.verdict import judge as judge_reading
from sparekey.classify.waits import stated
from sparekey.types import ErrorClass

HERE = Path(__file__).parents[1] / "data" / "errors"
HELD_OUT = HERE / "held_out.tsv"
SUMS = HERE / "held_out.json"
FILE = Path(_features.__file__).parent / "tables" / text_model.FILE
NOW = 1_790_000_000.0
"""The time at which the examples' clock stands: 2026-09-21."""
FAIL_FAST = {"permanent", "content_safety", "input_too_large"}
_ONE = {str(c): next(r for r in Reason if r.error_class is c) for c in ErrorClass}
_ONE["permanent"] = Reason("unknown_reference")  # which may stand under any status
_STATES_OF_RATE = {"rate_limited", "concurrency", "overloaded"}
_PARTS = 16
_LAYOUT = {tokenize.ENCODING, tokenize.COMMENT, tokenize.NL, tokenize.NEWLINE, tokenize.INDENT, tokenize.DEDENT}
_FEW_LETTERS = 3
_LETTERS = (
    ("ja", re.compile("[ぁ-ヿ]")),
    ("ko", re.compile("[가-힣]")),
    ("zh", re.compile("[㐀-鿿]")),
    ("ru", re.compile("[\u0400-\u04ff]")),
)


def load(without=()):
    """Return every example of data/errors, in order of files and lines."""
    found = []
    for path in sorted(HERE.glob("*.jsonl")):
        if path.stem in without:
            continue
        lines = path.read_text(encoding="utf-8").splitlines()
        found += [{**json.loads(line), "file": path.stem} for line in lines if line.strip()]
    return found


def name_of(example):
    return f"{example['file']}/{example['id']}"


def digest():
    """Return a hash of the examples and of the code of features: a model with another one is stale."""
    total = hashlib.sha256()
    for path in sorted(HERE.glob("*.jsonl")):
        total.update(path.read_bytes())
    total.update(_code(Path(_features.__file__)).encode())
    return total.hexdigest()[:16]


def _code(path):
    """Return a module's source without comments, docstrings and white space."""
    parts, begins = [], True
    with path.open("rb") as file:
        for token in tokenize.tokenize(file.readline):
            if token.type in _LAYOUT:
                begins = begins or token.type == tokenize.NEWLINE
            elif not (begins and token.type == tokenize.STRING):
                parts.append("".join(token.string.split()))
                begins = False
    return "".join(parts)


def is_real(example):
    """Return whether a real provider said it; examples written for training are not real."""
    return not example["file"].startswith(("written", "kinds", "refusals"))


def folds(examples):
    """Return the parts of the examples that are left out of training in turn, as sets of numbers.

    All examples of a provider are in one part.
    """
    by_provider = defaultdict(set)
    for number, example in enumerate(examples):
        if not example["file"].startswith("written"):
            name = example["provider"]
            by_provider[f"{name} {zlib.crc32(example['id'].encode()) % 8}" if name in {"written", "made-up", "wordings"} else name].add(
                number
            )
    found = [set() for _ in range(_PARTS)]
    for members in sorted(by_provider.values(), key=lambda members: (-len(members), min(members))):
        min(found, key=len).update(members)
    return found


def language(example):
    """Return the language of an example: its label, else by its letters, else `en`."""
    if example.get("language") and example["language"] != "mixed":
        return example["language"]
    text = json.dumps([example["body"], example["exception"]], ensure_ascii=False)
    for name, letters in _LETTERS:
        if len(letters.findall(text)) > _FEW_LETTERS:
            return name
    return "en"


class Judged:
    """Reads an example with given probabilities in place of a model's.

    Args:
        example: the example.
        case: its reading, class name and wait.
        likely: the probability of each class.
        fail_fast_at: the probability from which the request is blamed.
        least: the least confidence.
    """

    def __init__(self, example, case, likely, fail_fast_at, least):
        reading, class_name, wait = case
        best = max(likely, key=likely.get)
        other = max((name for name in likely if name not in FAIL_FAST), key=likely.get)
        of_request = sum(share for name, share in likely.items() if name in FAIL_FAST)
        self.guessed = Guess(ErrorClass(best), likely[best], of_request, ErrorClass(other), likely[other])
        self.fail_fast_at, self.least, self.likely = fail_fast_at, least, 0.7
        verdict = judge_reading(reading, class_name, wait=wait, text_model=self)
        self.example, self.confidence = example, likely[best]
        self.found = str(verdict.meaning.reason.error_class) if verdict else "unknown"
        self.by = verdict.rule.partition(" ")[0].rstrip(":") if verdict else "nothing"

    def guess(self, _features):
        """Return the given probabilities, as the model would."""
        return self.guessed

    def knows(self, _features):
        """Return 1: the package's model knows other features than the one that was held out."""
        return 1.0

    def cause(self, _guess, error_class):
        """Return any cause of the class."""
        return _ONE[str(error_class)]


def sums(judged):
    """Return the counts of verdicts: all, right class, right reaction, lost answers, wasted calls."""
    total = dict.fromkeys(("n", "exact", "reaction", "lost", "waste"), 0)
    for one in judged:
        right = accepted(one.example)
        wanted, got = {reaction(name) for name in right}, reaction(one.found)
        total["n"] += 1
        total["exact"] += one.found in right
        total["reaction"] += got in wanted
        total["lost"] += got == "fail_fast" and "fail_fast" not in wanted
        total["waste"] += got != "fail_fast" and wanted == {"fail_fast"}
    return total


def body_of(example):
    """Return the body as bytes."""
    body = example["body"]
    return (body if isinstance(body, str) else json.dumps(body, ensure_ascii=False)).encode()


class _Response:
    def __init__(self, example):
        self.status_code, self.headers, self.content = example["status"], example["headers"], body_of(example)


def exception(example, *, rich):
    """Return the exception of an SDK: with its attributes (`rich`), or with its text alone."""
    given, body, status = example["exception"] or {}, example["body"], example["status"]
    module, _, name = (given.get("type") or "openai.APIStatusError").rpartition(".")
    text = given.get("message") or (f"Error code: {status} - {body}" if status else str(body))
    exc = type(name if name.isidentifier() else "APIError", (Exception,), {"__module__": module or "builtins"})(text)
    if rich:
        exc.message = text
        if status is not None:
            exc.status_code = status
        if body is not None or example["headers"]:
            exc.body, exc.response = body, _Response(example)
    return exc


def readings(example):
    """Yield the reading of each shape in which an example may arrive, with class name and wait."""
    if example["body"] is not None and not example["exception"]:
        reading = ErrorReading(example["status"], lower_headers(example["headers"]))
        reading.add_body(body_of(example))
        yield reading, "", stated(reading, NOW).seconds
    else:
        yield _of_exception(exception(example, rich=True))
    if example["exception"] or example["body"] != "":
        yield _of_exception(exception(example, rich=False))


def disguises(example):
    """Yield written examples as proxies would pass them on.

    They come under a 400 with an empty type, a 422, a 500, and without any status; their labels
    stay. The model thus learns that such a status says little.
    """
    message = _message(example)
    if not message or example.get("kind") == "poison" or example["class"] in {*FAIL_FAST, "unknown"}:
        return
    statuses = [400, 422, 500, None] if example["class"] != "transient" or example["reason"] in _STATES_OF_RATE else [None]
    for status in statuses:
        reading = ErrorReading(status)
        reading.add_body({"error": {"message": message, "type": "invalid_request_error" if status == 400 else None}} if status else message)
        yield reading, "", stated(reading, NOW).seconds


def _message(example):
    """Return the text of an example that was written for training, or ""."""
    body = example["body"]
    if not example["file"].startswith("written") or not isinstance(body, dict):
        return ""
    inner = body.get("error", body)
    found = inner if isinstance(inner, str) else inner.get("message") or body.get("detail") or ""
    return found if isinstance(found, str) else ""


def _of_exception(exc):
    reading, worded = read_exception(exc)
    if not worded:
        reading.add_text(text_of(exc))
    return reading, kind_of(exc).code, stated(reading, NOW).seconds


def judge(classifier, example, *, rich=True):
    """Return how `classifier` reads the example: as it arrives (`rich`), or from bare text."""
    if rich and example["body"] is not None and not example["exception"]:
        return classifier.classify_response(example["status"], example["headers"], body_of(example))
    return classifier.classify(exception(example, rich=rich))


def reaction(label):
    """Return what a chain does for a class: fail fast, retry, or advance."""
    return "fail_fast" if label in FAIL_FAST else "retry" if label == "transient" else "advance"


def accepted(example):
    """Return the classes that a sensible engineer would accept."""
    return {example["class"], *example["also"]}
