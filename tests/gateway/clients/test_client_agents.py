"""What coding agents send, and what they get while keys die: `make agents` runs the programs, this plays their requests.

The requests of `agent_requests.jsonl` have the form of those that the programs sent, with shorter texts; each has a second turn, in
which the result of the tool is there.
"""

import http.client
import json
import re
from pathlib import Path

import pytest
import zstandard
from client_play import House
from gateway_play import SETTINGS, Running, chain

from sparekey.lab.simulator import TEXT, Simulator, faults

REQUESTS = [json.loads(line) for line in Path(__file__).with_name("agent_requests.jsonl").read_text("utf-8").splitlines()]
OTHER = " ".join(reversed(TEXT.split()))
ARGUMENTS = {"path": "/tmp/a note.txt"}
CALLS = dict.fromkeys(("Read", "exec_command", "read_file", "read"), ARGUMENTS)
WIRES = {"claude": "anthropic", "responses": "openai", "gemini": "gemini", "chat": "openai"}
LOOKS = re.compile(r"(?i)\b(log ?in|your (api )?key|your (current )?(quota|balance|account)|x-api-key)")
UNPAID = faults.refuse("quota", status=402, message="Insufficient credits. Add more at https://provider.example/credits.")
DAYS = faults.rate_limit(retry_after=561_635)

agents = pytest.mark.parametrize("asked", REQUESTS, ids=[one["agent"] for one in REQUESTS])


@pytest.fixture(scope="module")
def agents_address(tmp_path_factory):
    """A gateway with two chains for each wire, one for each `stream_recovery`; the spares of the chains word their answers differently."""
    file, pairs, tables = tmp_path_factory.mktemp("agents") / "sparekey.toml", {}, []
    with Simulator() as sim:
        for name, wire in WIRES.items():
            for recovery in ("splice", "buffer"):
                chain_name = f"{name}-{recovery}"
                texts = {"first": TEXT, "second": OTHER}
                pairs[chain_name] = tuple(
                    sim.provider(f"{chain_name}-{one}", wire=wire, text=text, calls=CALLS) for one, text in texts.items()
                )
                extra = f'stream_recovery = "{recovery}"\nmax_retries = 0\npatience = 0'
                tables.append(chain(f"gateway.chat.{chain_name}", pairs[chain_name], provider=wire, model="m", extra=extra))
        file.write_text(SETTINGS + "".join(tables))
        running = Running(file)
        house = House(running, pairs)
        fresh = running.do(lambda: {name: served.chain.transact(_read) for name, served in running.gateway.chains.items()})
        yield house, fresh
        running.stop()


def _read(_pool, state):
    return state, state


def _restored(_pool, _state, fresh):
    return fresh, None


@pytest.fixture
def house(agents_address):
    """The gateway as if nothing had happened yet; no provider fails."""
    house, fresh = agents_address
    for one in (one for pair in house.pairs.values() for one in pair):
        one.heal()
    house.running.do(lambda: [house.running.gateway.chains[name].chain.transact(_restored, state) for name, state in fresh.items()])
    return house


def turn(house, asked, number, recovery="buffer"):
    """Send one turn of an agent; return status, headers and the events, or the error."""
    name = f"{asked['chain']}-{recovery}"
    body = {**asked["body"], **({"model": name} if "model" in asked["body"] else {})}
    if number == 2:
        field = next(field for field in ("messages", "input", "contents") if field in body)
        body[field] = [*body[field], *asked["then"]]
    path = asked["path"].replace(f"models/{asked['chain']}:", f"models/{name}:")
    data, headers = json.dumps(body).encode(), {"content-type": "application/json", **asked["headers"]}
    if asked.get("zstd"):  # Codex compresses so where it is told to
        data, headers["content-encoding"] = zstandard.compress(data), "zstd"
    connection = http.client.HTTPConnection("127.0.0.1", house.running.port, timeout=20)
    try:
        connection.request("POST", path, data, headers)
        response = connection.getresponse()
        told = {key.lower(): value for key, value in response.getheaders()}
        try:
            raw = response.read()
        except http.client.IncompleteRead as broken:
            raw, told["cut"] = broken.partial, "yes"
    finally:
        connection.close()
    if response.status != 200:
        return response.status, told, json.loads(raw)
    return 200, told, [json.loads(line[5:]) for line in raw.decode().splitlines() if line.startswith("data:") and "[DONE]" not in line]


def said(events):
    """Return the text that the events of any wire bring."""
    return "".join(_text(event) for event in events)


def _text(event):
    if "candidates" in event:
        return "".join(part.get("text", "") for part in _parts(event))
    if "choices" in event:
        return "".join(choice["delta"].get("content") or "" for choice in event["choices"])
    if event.get("type") == "response.output_text.delta":
        return event["delta"]
    return event["delta"].get("text", "") if event.get("type") == "content_block_delta" else ""


def called(events):
    """Return the arguments of the tool that the events of any wire call."""
    return json.loads("".join(_arguments(event) for event in events))


def _arguments(event):
    if "candidates" in event:
        return "".join(json.dumps(part["functionCall"]["args"]) for part in _parts(event) if "functionCall" in part)
    if "choices" in event:
        calls = [call for choice in event["choices"] for call in choice["delta"].get("tool_calls", ())]
        return "".join(call["function"].get("arguments", "") for call in calls)
    if event.get("type") == "response.function_call_arguments.delta":
        return event["delta"]
    return event["delta"].get("partial_json", "") if event.get("type") == "content_block_delta" else ""


def _parts(event):
    return event["candidates"][0].get("content", {}).get("parts", ())


def pair_of(house, asked, recovery="buffer"):
    return house.pairs[f"{asked['chain']}-{recovery}"]


@agents
def test_a_tool_loop_survives_a_dead_first_key(house, asked):
    """Both turns are answered by the second credential: a call of the tool that reads, then the text."""
    first, second = pair_of(house, asked)
    first.fail(faults.auth())
    status, headers, events = turn(house, asked, 1)
    assert (status, headers["x-sparekey-credential"]) == (200, second.name)
    if asked["then"]:
        assert (called(events), said(events)) == (ARGUMENTS, "")
        status, headers, events = turn(house, asked, 2)
    assert (status, said(events)) == (200, OTHER)
    sent = second.requests[-1]
    kept = {name: value for name, value in asked["headers"].items() if name.startswith(("anthropic-", "x-codex", "user-agent"))}
    assert {name: sent.headers[name] for name in kept} == kept
    assert sent.json == {**asked["body"], **sent.json}, "no field is lost"
    assert sent.json.get("model", "m") == "m"


@agents
def test_a_cut_with_other_words_is_told_with_splice(house, asked):
    """Half an answer never ends as a whole one: an error event, and no last chunk. The next request is answered."""
    first, _ = pair_of(house, asked, "splice")
    first.fail(faults.cut(after=20))
    status, headers, events = turn(house, asked, 2, "splice")
    assert status == 200
    assert len(said(events)) < len(TEXT)
    assert headers.get("cut") == "yes" or "error" in json.dumps(events[-1])
    assert turn(house, asked, 2, "splice")[0] == 200
    assert said(turn(house, asked, 2, "splice")[2]) == OTHER


@agents
def test_a_cut_with_other_words_is_not_seen_with_buffer(house, asked):
    """The first credential's part is thrown away, the second's answer is whole."""
    first, second = pair_of(house, asked)
    first.fail(faults.cut(after=20))
    status, headers, events = turn(house, asked, 2)
    assert (status, said(events), headers["x-sparekey-credential"]) == (200, OTHER, second.name)
    assert "cut" not in headers


@agents
@pytest.mark.parametrize(
    "dead",
    [(faults.auth(),) * 2, (UNPAID,) * 2, (faults.auth(), UNPAID), (DAYS,) * 2],
    ids=["401", "402", "mixed", "days"],
)
def test_what_an_agent_shows_when_all_are_dead(house, asked, dead):
    """P06: that it was a chain and which credentials, in words for people; nothing about the caller's key, no long sleep, no 401."""
    for one, fault in zip(pair_of(house, asked), dead, strict=True):
        one.fail(fault)
    status, headers, body = turn(house, asked, 1)
    message = body["error"]["message"]
    assert status not in {401, 402, 407}
    assert "all 2 credentials of this chain failed" in message
    assert not LOOKS.search(message.replace("not yours", ""))
    assert headers["x-should-retry"] == "false"
    assert float(headers.get("retry-after", 0)) <= 60
    if dead[0] is DAYS:
        assert body["sparekey"]["retry_after"] > 500_000
        assert "6.5 days" in message


def test_claude_code_counts_tokens(house):
    """Before it folds a long conversation: the path beside `messages`, with the same headers."""
    asked = next(one for one in REQUESTS if one["chain"] == "claude")
    pair_of(house, asked)[0].fail(faults.auth())
    body = {name: asked["body"][name] for name in ("messages", "system", "tools")}
    path, headers = "/v1/messages/count_tokens?beta=true", {name.replace("-", "_"): value for name, value in asked["headers"].items()}
    status, _, counted = house.running.ask(path=path, body={**body, "model": "claude-buffer"}, **headers)
    assert status == 200
    assert counted["input_tokens"] > 0
