"""`sparekey chat` and `sparekey embed`."""

import base64
import json

import pytest

from sparekey.lab.simulator import TEXT, faults

PIXEL = base64.b64decode("iVBORw0KGgoAAAANSUhEUgAAAAEAAAABCAYAAAAfFcSJAAAADUlEQVR42mNk+M9QDwADhgGAWjR9awAAAABJRU5ErkJggg==")


@pytest.mark.parametrize("mode", ["--stream", "--no-stream"])
def test_answer_is_on_stdout_and_who_gave_it_on_stderr(sparekey, provider, write_config, mode):
    """Standard output holds the answer and nothing else; failovers and the one who answered stand on standard error."""
    dead, well = provider(), provider()
    dead.fail(faults.quota())
    write_config(vlm=[("team-a", dead, "sk-1"), ("team-b", well, "sk-2")])
    result = sparekey("chat", "hello", mode)
    assert (result.exit_code, result.stdout) == (0, f"{TEXT}\n")
    assert "team-a failed: quota_exceeded" in result.stderr
    assert "answered by team-b (sim-chat) after 1 failed attempt" in result.stderr


def test_lone_credential_answers(sparekey, provider, write_config):
    """One credential needs no chain, and is named all the same."""
    write_config(vlm=[("only", provider(), "sk-1")])
    result = sparekey("chat", "hello")
    assert result.stdout == f"{TEXT}\n"
    assert "answered by only" in result.stderr


def test_chat_json_tells_answer_usage_and_credential(sparekey, provider, write_config):
    """`--json` has it all on standard output."""
    write_config(vlm=[("only", provider(), "sk-1")])
    answer = json.loads(sparekey("chat", "hello", "--json").stdout)
    assert answer["content"] == TEXT
    assert answer["usage"]["completion_tokens"] > 0
    assert (answer["credential"], answer["failovers"]) == ("only", [])


def test_chat_sends_images_and_instructions(sparekey, provider, write_config, folder):
    """`--image` and `--system` become parts of the one request."""
    one = provider()
    write_config(vlm=[("only", one, "sk-1")])
    (folder / "pixel.png").write_bytes(PIXEL)
    assert sparekey("chat", "what is it?", "--image", "pixel.png", "--system", "Be brief.").exit_code == 0
    system, user = one.requests[0].json["messages"]
    assert system["content"] == "Be brief."
    assert {part["type"] for part in user["content"]} == {"text", "image_url"}


def test_chat_reads_standard_input(sparekey, provider, write_config):
    """`-` takes the question from standard input."""
    one = provider()
    write_config(vlm=[("only", one, "sk-1")])
    assert sparekey("chat", "-", stdin="piped question\n").exit_code == 0
    assert "piped question" in json.dumps(one.requests[0].json["messages"])


def test_unreadable_image_is_wrong_usage(sparekey, provider, write_config):
    """A missing image is told by its path, without a traceback, and no request goes out."""
    one = provider()
    write_config(vlm=[("only", one, "sk-1")])
    result = sparekey("chat", "what is it?", "--image", "absent.png")
    assert result.exit_code == 2
    assert "absent.png" in result.stderr
    assert "Traceback" not in result.stderr
    assert not one.requests


def test_exhausted_chain_names_every_credential(sparekey, provider, write_config):
    """If all fail, the exit code is 1 and each one's class stands there."""
    dead, wrong = provider(), provider()
    dead.fail(faults.quota())
    wrong.fail(faults.auth())
    write_config(vlm=[("team-a", dead, "sk-1"), ("team-b", wrong, "sk-2")])
    result = sparekey("chat", "hello")
    assert result.exit_code == 1
    assert "all 2 credentials failed" in result.stderr
    assert "team-a: quota_exceeded" in result.stderr
    assert "team-b: auth" in result.stderr
    assert "Traceback" not in result.stderr


def test_refused_request_is_explained(sparekey, provider, write_config):
    """A failure of the request itself shows its class and what to do; other credentials are not asked."""
    one, two = provider(), provider()
    one.fail(faults.bad_request())
    write_config(vlm=[("one", one, "sk-1"), ("two", two, "sk-2")])
    result = sparekey("chat", "hello")
    assert result.exit_code == 1
    assert "permanent" in result.stderr
    assert not two.requests


def test_failure_as_json(sparekey, provider, write_config):
    """With `--json` an error is JSON on standard output, too."""
    dead = provider()
    dead.fail(faults.auth())
    write_config(vlm=[("only", dead, "sk-1")])
    result = sparekey("chat", "hello", "--json")
    error = json.loads(result.stdout)["error"]
    assert result.exit_code == error["exit_code"] == 1
    assert "auth" in error["what"]


def test_terminal_codes_of_a_provider_are_not_obeyed(sparekey, provider, write_config):
    """Control characters in an answer are left out."""
    write_config(vlm=[("only", provider(text="safe \x1b[2Jtext"), "sk-1")])
    assert "\x1b" not in sparekey("chat", "hello").output


def test_chat_without_a_chat_model_says_what_is_missing(sparekey, provider, write_config):
    """A configuration for embeddings only has nobody to chat with."""
    write_config(embedding=[("only", provider(), "sk-1")])
    result = sparekey("chat", "hello")
    assert result.exit_code == 2
    assert "[vlm]" in result.stderr


def test_embed_shows_dimension_numbers_and_norm(sparekey, provider, write_config):
    """The vector in short is on standard output, who gave it on standard error."""
    write_config(embedding=[("only", provider(dimension=16), "sk-1")])
    result = sparekey("embed", "a spare key")
    assert result.exit_code == 0
    for text in ("dimension  16", "first", "norm"):
        assert text in result.stdout
    assert "answered by only" in result.stderr


def test_embed_json_has_the_whole_vector(sparekey, provider, write_config):
    """`--json` has every number, after a failover as well."""
    dead, well = provider(dimension=16), provider(dimension=16)
    dead.fail(faults.quota())
    write_config(embedding=[("team-a", dead, "sk-1"), ("team-b", well, "sk-2")])
    found = json.loads(sparekey("embed", "a spare key", "--json").stdout)
    assert found["dimension"] == len(found["dense_vector"]) == 16
    assert found["answered_by"][0]["credential"] == "team-b"
    assert found["answered_by"][0]["failovers"][0]["class"] == "quota_exceeded"


def test_embed_without_embeddings_says_what_is_missing(sparekey, provider, write_config):
    """A configuration for chat only cannot embed."""
    write_config(vlm=[("only", provider(), "sk-1")])
    result = sparekey("embed", "text")
    assert result.exit_code == 2
    assert "embedding" in result.stderr
