"""`sparekey explain`: from whatever a person has at hand to class, reaction and remedy."""

import json

import pytest

QUOTA = {"error": {"message": "You exceeded your current quota", "type": "insufficient_quota", "code": "insufficient_quota"}}
LIMIT = json.dumps({"error": {"code": "rate_limit_exceeded"}})
DUMP = f"HTTP/1.1 429 Too Many Requests\r\nContent-Type: application/json\r\nRetry-After: 20\r\n\r\n{LIMIT}"
CURL = f"* Connected to host\n> POST /v1 HTTP/2\n> authorization: Bearer x\n< HTTP/2 402 \n< server: edge\n< \n{json.dumps(QUOTA)}"
TRACEBACK = """\
Traceback (most recent call last):
  File "a.py", line 1, in <module>
    connect()
ConnectionRefusedError: [Errno 111] Connection refused

The above exception was the direct cause of the following exception:

Traceback (most recent call last):
  File "b.py", line 2, in <module>
    call()
openai.APIConnectionError: Connection error.
"""
FORMS = {
    "text of an exception": ("openai.AuthenticationError: Error code: 401 - Incorrect API key provided", "auth"),
    "JSON body": (json.dumps(QUOTA), "quota_exceeded"),
    "HTTP response": (DUMP, "transient"),
    "verbose curl": (CURL, "quota_exceeded"),
    "traceback": (TRACEBACK, "transient"),
    "record of a response": (json.dumps({"status": 404, "headers": {}, "body": {"error": {"code": "model_not_found"}}}), "model_not_found"),
    "record of an exception": (json.dumps({"status": 401, "exception": {"type": "x.AuthError", "message": "invalid api key"}}), "auth"),
    "built-in exception": ("FileNotFoundError: [Errno 2] No such file or directory: 'a.png'", "permanent"),
    "exception that wants more than a text": ("UnicodeDecodeError: 'utf-8' codec can't decode byte 0xff", None),
    "nothing known": ("something odd", "unknown"),
}


@pytest.mark.parametrize("form", FORMS)
def test_every_form_is_read(sparekey, form):
    """An error is read in whatever form it was pasted."""
    text, error_class = FORMS[form]
    result = sparekey("explain", "--json", stdin=text)
    found = json.loads(result.stdout)
    assert result.exit_code == 0
    assert error_class is None or found["class"] == error_class


def test_argument_file_and_standard_input_say_the_same(sparekey, folder):
    """It does not matter where the error comes from."""
    (folder / "error.txt").write_text(DUMP)
    answers = [
        sparekey("explain", DUMP),
        sparekey("explain", "--file", "error.txt"),
        sparekey("explain", stdin=DUMP),
        sparekey("explain", "-", stdin=DUMP),
    ]
    assert len({answer.stdout for answer in answers}) == 1


def test_status_is_taken_from_the_person(sparekey):
    """`--status` fills in what a body alone does not tell."""
    found = json.loads(sparekey("explain", "--status", "503", "Service unavailable", "--json").stdout)
    assert (found["class"], found["status"]) == ("transient", 503)


def test_text_says_what_the_chain_does_and_why(sparekey):
    """Class, reason, whom it blames, wait, evidence, the chain's reaction and the remedy are all there."""
    shown = sparekey("explain", DUMP).stdout
    for text in ("class", "transient", "reason", "rate_limited", "blames", "the credential", "wait", "20 s", "evidence", "decided by"):
        assert text in shown
    assert "no: 20 s is longer than the patience of 2 s" in shown
    assert "the credential for 20 s: the stated wait" in shown
    assert "What to do" in shown
    assert "How it was read" in shown


@pytest.mark.parametrize(
    ("text", "same", "following", "park"),
    [
        ("openai.BadRequestError: Error code: 400 - unknown parameter", "no", "no: the caller", "nobody"),
        ("Error code: 401 - {'error': {'code': 'invalid_api_key'}}", "no", "yes, at once", "10 min; twice as long each"),
        ('HTTP/1.1 400 Bad\n\n{"error": {"code": "context_length_exceeded"}}', "no", "only one with a different model", "nobody"),
        ("HTTP/1.1 503 Service Unavailable\n\noverloaded", "once, after 0.1 to 0.2 s", "yes, at once", "for 5 s, 20% either way"),
        ("HTTP/1.1 429 Too Many\nretry-after: 1\n\nslow down", "once, after 1 s", "yes, at once", "for 1 s: the stated wait"),
        ("TimeoutError", "no: after silence", "yes, at once", "the endpoint for 5 s"),
        ("httpx.ConnectError: [Errno 111] Connection refused", "once", "yes, at once", "nobody, if no credential"),
    ],
)  # fmt: skip
def test_reactions_are_those_of_the_engine(sparekey, text, same, following, park):
    """What a chain would do is read from the engine's own table."""
    chain = json.loads(sparekey("explain", "--json", text).stdout)["chain"]
    assert chain["same_credential"].startswith(same)
    assert chain["next_credential"].startswith(following)
    assert park in chain["park"]


def test_keys_in_the_pasted_error_are_masked(sparekey):
    """A key that a provider repeated is not repeated once more."""
    assert "abcdefghij" not in sparekey("explain", "Error code: 401 - Incorrect API key provided: sk-abcdefghijklmnop").output


def test_nothing_to_explain_is_wrong_usage(sparekey, folder):
    """An empty input, two inputs, and a file that is not there are told apart."""
    assert sparekey("explain", stdin="  \n").exit_code == 2
    assert "not both" in sparekey("explain", "text", "--file", "x").stderr
    assert "No such file" in sparekey("explain", "--file", str(folder / "absent")).stderr


def test_the_words_that_weighed_and_the_nearest_example_are_shown(sparekey):
    """What spoke for the verdict and against it, and which labelled error is most like it, with its source."""
    shown = sparekey("explain", "Error code: 400 - insufficient balance, please recharge").stdout
    for text in ("words for it:", "balance", "words against it:", "The nearest example", "seen at", "--wrong"):
        assert text in shown
    found = json.loads(sparekey("explain", "--json", "Error code: 400 - insufficient balance, please recharge").stdout)
    assert found["nearest"]["error_class"] == "quota_exceeded"


def test_a_code_is_shown_with_the_row_that_says_what_it_means(sparekey):
    """File and line of the table."""
    assert "codes.tsv:" in sparekey("explain", json.dumps(QUOTA)).stdout


def test_a_wrong_verdict_becomes_an_example(sparekey):
    """One line of JSON for data/errors, without keys."""
    text = 'HTTP/1.1 403 Forbidden\nX-RateLimit-Limit: 5\nSet-Cookie: a=b\n\n{"error": "tickets used up for sk-abcdefghijklmnop0123"}'
    line = sparekey("explain", "--wrong", "quota_exceeded", stdin=text).stdout
    example = json.loads(line)
    assert (example["class"], example["status"], example["headers"]) == ("quota_exceeded", 403, {"x-ratelimit-limit": "5"})
    assert "abcdefgh" not in line
    assert sparekey("explain", "--wrong", "nonsense", stdin=text).exit_code != 0


def test_the_example_names_the_cause_that_the_words_fit(sparekey):
    """Of the class that a person names, the cause is read from the words; a wait that only words state is left out."""
    text = "HTTP/1.1 500 Oops\n\nThe API key has expired, try again in 7 seconds"
    example = json.loads(sparekey("explain", "--wrong", "auth", stdin=text).stdout)
    assert (example["reason"], example["retry_after_s"]) == ("expired_key", None)
    text = "HTTP/1.1 403 No\nRetry-After: 7\n\ntoo many requests"
    example = json.loads(sparekey("explain", "--wrong", "transient", stdin=text).stdout)
    assert (example["reason"], example["retry_after_s"]) == ("rate_limited", 7)


def test_without_a_status_none_agrees(sparekey):
    """How strong the evidence is says what it rests on."""
    shown = sparekey("explain", "openai.RateLimitError: You exceeded your current quota, please check your plan").stdout
    assert "status and text agree" not in shown
