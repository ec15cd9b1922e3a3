"""`sparekey check`: the real commands, real SDKs, simulated providers."""

import json
import threading

import pytest

from sparekey.cli.check import try_all
from sparekey.cli.probe_call import Finding, ProbeCall
from sparekey.lab.simulator import faults


def rows(result):
    """The credentials of the first chain, by id."""
    return {row["credential"]: row for row in json.loads(result.stdout)["chains"][0]["credentials"]}


def test_chain_with_one_working_credential_could_serve(sparekey, provider, write_config):
    """One credential that works is enough for exit code 0, and the table says who fails, why, and what to do."""
    dead, well = provider(), provider()
    dead.fail(faults.quota())
    write_config(vlm=[("team-a", dead, "sk-first-key-1"), ("team-b", well, "sk-second-key-2")])
    result = sparekey("check")
    assert result.exit_code == 0
    for text in ("team-a", "✗ fails", "quota_exceeded", "Top up", "team-b", "✓ works", "1 of 2 work"):
        assert text in result.stdout


def test_chain_without_a_working_credential_could_not_serve(sparekey, provider, write_config):
    """If no credential works, the exit code is 1 and the verdict says so in words."""
    dead = provider()
    dead.fail(faults.auth())
    write_config(vlm=[("only", dead, "sk-first-key-1")])
    result = sparekey("check")
    assert result.exit_code == 1
    assert "could not serve: no credential works" in result.stdout


def test_each_credential_gets_one_tiny_call(sparekey, provider, write_config):
    """One request a credential goes out, with few tokens allowed, and nothing is tried again."""
    one, two = provider(), provider()
    one.fail(faults.overloaded())
    write_config(vlm=[("one", one, "sk-1"), ("two", two, "sk-2")], max_retries=3)
    sparekey("check")
    assert len(one.requests) == len(two.requests) == 1
    assert two.requests[0].json.get("max_tokens", two.requests[0].json.get("max_completion_tokens")) == 16


def test_json_has_a_row_for_each_credential(sparekey, provider, write_config):
    """`--json` gives result, latency, class, reason, status and remedy by credential."""
    limited, well = provider(), provider()
    limited.fail(faults.rate_limit(retry_after=7))
    write_config(vlm=[("limited", limited, "sk-1"), ("well", well, "sk-2")])
    found = rows(sparekey("check", "--json"))
    assert found["well"]["ok"]
    assert found["well"]["latency_ms"] > 0
    assert (found["limited"]["class"], found["limited"]["reason"], found["limited"]["status"]) == ("transient", "rate_limited", 429)
    assert found["limited"]["remedy"]


def test_json_says_how_much_a_failure_proves(sparekey, provider, write_config):
    """Certain where the provider's own code says it; nothing is to be proved of what works."""
    dead, vague = provider(), provider()
    dead.fail(faults.auth())
    vague.fail(faults.bad_request(message="insufficient balance, invalid api key"))
    write_config(vlm=[("dead", dead, "sk-1"), ("vague", vague, "sk-2"), ("well", provider(), "sk-3")])
    found = rows(sparekey("check", "--json"))
    assert [found[name]["evidence"] for name in ("dead", "vague", "well")] == ["certain", "possible", None]


def test_same_key_twice_counts_as_one(sparekey, provider, write_config, monkeypatch):
    """However it is written: the second row says whose key it is, the verdict that there is no spare."""
    host = provider()
    monkeypatch.setenv("SPAREKEY_TEST_KEY", "sk-first-key-1")
    write_config(vlm=[("team-a", host, "sk-first-key-1"), ("team-b", host, "env:SPAREKEY_TEST_KEY")])
    result = sparekey("check")
    assert result.exit_code == 0
    assert "same key as team-a" in result.stdout
    assert "could serve: 1 of 1 work, so there is no spare; team-b has the key of team-a" in result.stdout
    (chain,) = json.loads(sparekey("check", "--json").stdout)["chains"]
    assert (chain["working"], chain["of"]) == (1, 1)
    assert [row["same_key_as"] for row in chain["credentials"]] == [None, "team-a"]


def test_same_key_that_fails_is_said_below_the_table(sparekey, provider, write_config):
    """Beside the provider's words, for the row has the cause."""
    host = provider()
    host.fail(faults.auth())
    write_config(vlm=[("team-a", host, "sk-first-key-1"), ("team-b", host, "sk-first-key-1")])
    result = sparekey("check", columns=80)
    assert "  team-b  same key as team-a. " in result.stdout
    assert json.loads(sparekey("check", "--json").stdout)["chains"][0]["of"] == 1


def test_keys_that_only_a_file_knows_are_compared_too(sparekey, provider, write_config, folder):
    """They were looked up for the calls."""
    host = provider()
    for name in "ab":
        (folder / name).write_text("sk-first-key-1")
    write_config(vlm=[("team-a", host, "file:a"), ("team-b", host, "file:b"), ("team-c", host, "sk-third-key-3")])
    result = sparekey("check")
    assert "same key as team-a" in result.stdout
    assert "could serve: 2 of 2 work" in result.stdout


def test_same_key_at_another_address_is_said_and_counts(sparekey, provider, write_config):
    """It may serve when the first one cannot, but one account may stand behind both."""
    dead = provider()
    dead.fail(faults.overloaded())
    write_config(vlm=[("team-a", dead, "sk-first-key-1"), ("team-b", provider(), "sk-first-key-1")])
    result = sparekey("check", columns=80)
    assert "shares the key of team-a" in result.stdout
    assert "could serve: 1 of 2 work" in result.stdout
    assert [row["shares_key_with"] for row in rows(sparekey("check", "--json")).values()] == [None, "team-a"]


def test_only_tries_the_named_credential(sparekey, provider, write_config):
    """`--only` leaves all others alone."""
    one, two = provider(), provider()
    write_config(vlm=[("one", one, "sk-1"), ("two", two, "sk-2")])
    assert sparekey("check", "--only", "two").exit_code == 0
    assert (len(one.requests), len(two.requests)) == (0, 1)


def test_only_names_what_there_is(sparekey, provider, write_config):
    """An unknown id is wrong usage, and the message lists the ids."""
    write_config(vlm=[("one", provider(), "sk-1")])
    result = sparekey("check", "--only", "nobody")
    assert result.exit_code == 2
    assert "there are one" in result.stderr


def test_keys_are_never_shown(sparekey, provider, write_config):
    """Not even a provider that repeats the key brings it onto the screen."""
    echo = provider(keys=["another"])
    echo.fail(faults.echo_key())
    write_config(vlm=[("echo", echo, "sk-secretsecretsecret")])
    for arguments in (["check"], ["check", "--json"], ["check", "--debug"]):
        assert "secretsecret" not in sparekey(*arguments).output


def test_missing_key_is_told_beside_the_other_results(sparekey, provider, write_config, monkeypatch):
    """A key that is not where the configuration says fails its own row only; the chain could serve without it, and the exit code is 2."""
    monkeypatch.delenv("SPAREKEY_TEST_ABSENT", raising=False)
    write_config(vlm=[("absent", provider(), "env:SPAREKEY_TEST_ABSENT"), ("well", provider(), "sk-2")])
    result = sparekey("check", "--json")
    found = rows(result)
    assert result.exit_code == 2
    assert found["well"]["ok"]
    assert (found["absent"]["class"], found["absent"]["reason"]) == ("configuration", "no_key")
    assert "SPAREKEY_TEST_ABSENT" in found["absent"]["message"]
    chain = json.loads(result.stdout)["chains"][0]
    assert (chain["serves"], found["absent"]["left_out"]) == (True, True)
    assert "could serve: 1 of 2 work, so there is no spare; absent left out: no key" in sparekey("check").stdout


def test_only_judges_what_it_was_asked(sparekey, provider, write_config, monkeypatch):
    """Neither the key of another one, nor that there is no spare among those asked, is its business."""
    monkeypatch.delenv("SPAREKEY_TEST_ABSENT", raising=False)
    dead = provider()
    dead.fail(faults.auth())
    write_config(vlm=[("absent", provider(), "env:SPAREKEY_TEST_ABSENT"), ("well", provider(), "sk-2"), ("dead", dead, "sk-3")])
    result = sparekey("check", "--only", "well")
    assert result.exit_code == 0
    assert "vlm well: works" in result.stdout
    assert "no spare" not in result.stdout
    found = json.loads(sparekey("check", "--only", "well", "--json").stdout)
    assert (found["ok"], found["chains"][0]["serves"]) == (True, None)
    result = sparekey("check", "--only", "dead", "--only", "well")
    assert (result.exit_code, "vlm well, dead: 1 of 2 work" in result.stdout) == (1, True)
    assert sparekey("check", "--only", "absent").exit_code == 2


def test_embeddings_that_agree_could_serve(sparekey, provider, write_config):
    """Two hosts of one model have cosines of 1."""
    write_config(embedding=[("a", provider(dimension=16, space="m"), "sk-1"), ("b", provider(dimension=16, space="m"), "sk-2")])
    result = sparekey("check", "--json")
    assert result.exit_code == 0
    assert rows(result)["b"]["cosine"] == pytest.approx(1.0, abs=1e-4)


def test_embeddings_of_another_space_could_not_serve(sparekey, provider, write_config):
    """A spare with the same model name and length, but other vectors, is found by its cosine."""
    write_config(embedding=[("a", provider(dimension=16, space="m"), "sk-1"), ("b", provider(dimension=16, space="n"), "sk-2")])
    result = sparekey("check")
    assert result.exit_code == 1
    assert "other_space" in result.stdout
    assert "cosine" in result.stdout


def test_sparse_vectors_are_compared_too(sparekey, provider, folder):
    """A sparse chain beside a dense one is checked as well, its weights compared by token."""
    hosts = [provider(wire="ark", space="s") for _ in range(2)]
    rows_of = [{"id": f"s{i}", "api_key": "k", "api_base": host.base_url} for i, host in enumerate(hosts)]
    chain = {"provider": "volcengine", "model": "doubao-embedding-vision-251215", "credentials": rows_of}
    dense = {"provider": "openai", "model": "m", "credentials": [{"id": "d", "api_key": "k", "api_base": provider().base_url}]}
    (folder / "sparekey.json").write_text(json.dumps({"embedding": {"dense": dense, "sparse": chain}}))
    result = sparekey("check", "--json")
    sparse = json.loads(result.stdout)["chains"][1]
    assert result.exit_code == 0
    assert (sparse["chain"], sparse["credentials"][1]["cosine"]) == ("embedding.sparse", pytest.approx(1.0))


def test_lone_embedder_gets_one_short_text(sparekey, provider, write_config):
    """Where there is nothing to compare, one text is enough."""
    lone = provider(dimension=16)
    write_config(embedding=[("lone", lone, "sk-1")])
    assert sparekey("check").exit_code == 0
    assert len(lone.requests) == 1
    assert isinstance(lone.requests[0].json["input"], str) or len(lone.requests[0].json["input"]) == 1


def test_silent_provider_ends_with_the_time_limit(sparekey, provider, write_config):
    """A provider that never answers fails with a timeout, and the command ends."""
    silent = provider()
    silent.fail(faults.hang())
    write_config(vlm=[("silent", silent, "sk-1")])
    result = sparekey("check", "--timeout", "0.3", "--json")
    assert result.exit_code == 1
    assert rows(result)["silent"]["reason"] == "timeout"


def test_call_that_never_ends_is_left_behind():
    """An SDK that does not mind its time limit cannot keep the command from ending."""
    gate = threading.Event()

    class Stuck(ProbeCall):
        blank = Finding("vlm", "stuck", "", "")

        def build(self, timeout):
            return self

        def run(self, instance):
            gate.wait()
            return self.blank

    found = try_all([Stuck("vlm", None, 0)], 0.01, grace=0.05)
    gate.set()
    assert (found[0].error_class, found[0].reason) == ("transient", "timeout")


def test_table_fits_eighty_columns_and_needs_no_colour(sparekey, provider, write_config):
    """At 80 columns nothing is cut off: remedies stand below the table; a pipe gets no escape codes."""
    dead = provider()
    dead.fail(faults.quota())
    write_config(vlm=[("team-a", dead, "sk-1"), ("team-b", provider(), "sk-2")])
    result = sparekey("check", columns=80)
    assert max(map(len, result.stdout.splitlines())) <= 80
    assert "Top up the account's balance." in result.stdout
    assert "\x1b" not in result.output


def test_a_file_without_a_chain_is_no_success(sparekey, folder):
    """An empty file, or one with settings alone: exit code 2, and what to write."""
    for text in ("", "strict = true\n", "[gateway]\nport = 9000\n"):
        (folder / "sparekey.toml").write_text(text)
        result = sparekey("check")
        assert (result.exit_code, "has no chain to check: write [vlm]" in result.stderr) == (2, True)
