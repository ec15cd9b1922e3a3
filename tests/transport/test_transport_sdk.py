"""All of an SDK keeps working: tools, structured output, embeddings, raw responses, files, batches, images, audio, Azure."""

import asyncio
import contextlib

import httpx2
import pytest
from account_host import AUDIO, account
from sdk_talk import QUESTION, ask, client, credential, credentials

from sparekey import Chain, ConfigError, Credential, FailoverTransport, Secret, VLMConfig
from sparekey.lab.simulator import faults
from sparekey.lab.simulator.answers import TEXT
from sparekey.transport import http_client, sdk_options

TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {"model": {"type": "string"}}}}}
openai = pytest.importorskip("openai", reason="the SDK openai is not installed")


@pytest.fixture
def accounts():
    """Start hosts of one account each, and give the credentials for them."""
    with contextlib.ExitStack() as stack:

        def start(*names, **fields):
            hosts = [stack.enter_context(account(name, **(fields if i == 0 else {}))) for i, name in enumerate(names)]
            return hosts, [Credential(h.name, "openai", f"m-{h.name}", endpoint=h.base_url, api_key=Secret("k")) for h in hosts]

        yield start


# the SDK of OpenAI over chat


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_tool_calls_come_through(provide, stream):
    """A tool call is content: it comes through whole, also as a stream, and fails over like a text."""
    first, second = provide("first", "second")
    first.fail(faults.overloaded())
    with client("openai", credentials(first, second)) as made:
        answer = made.chat.completions.create(model="m", messages=QUESTION, tools=[TOOL], stream=stream)
        calls = [c for e in answer for c in (e.choices[0].delta.tool_calls or ())] if stream else answer.choices[0].message.tool_calls
    assert calls[0].function.name == "look"
    assert "".join(c.function.arguments for c in calls) == '{"query": "spare key"}'


def test_structured_output_and_stream_helpers_work(provide):
    """The SDK's own helpers for parsed answers and for streams see nothing of the chain."""
    (first,) = provide("first", text='{"answer": "under the mat"}')
    schema = {"type": "json_schema", "json_schema": {"name": "a", "schema": {"type": "object"}}}
    with client("openai", credentials(first)) as made:
        parsed = made.chat.completions.parse(model="m", messages=QUESTION, response_format=schema)
        with made.chat.completions.stream(model="m", messages=QUESTION) as stream:
            final = stream.get_final_completion()
    assert parsed.choices[0].message.content == final.choices[0].message.content == '{"answer": "under the mat"}'


def test_raw_responses_tell_headers_and_time(provide):
    """`with_raw_response` and `with_streaming_response` see the provider's headers and status."""
    (first,) = provide("first")
    with client("openai", credentials(first)) as made:
        raw = made.chat.completions.with_raw_response.create(model="m", messages=QUESTION)
        with made.chat.completions.with_streaming_response.create(model="m", messages=QUESTION) as streamed:
            lines = list(streamed.iter_lines())
    assert raw.headers["x-request-id"].startswith("req_sim")
    assert raw.elapsed.total_seconds() > 0
    assert raw.parse().choices[0].message.content == TEXT
    assert TEXT in "".join(lines)


def test_embeddings_fail_over(provide):
    """A chain of embedding models serves the SDK's embeddings, with the credential's model."""
    first, second = provide("first", "second", dimension=8)
    first.fail(faults.quota())
    with client("openai", credentials(first, second), family="embedding", space="ours") as made:
        data = made.embeddings.create(model="m", input=["one", "two"]).data
    assert [len(row.embedding) for row in data] == [8, 8]
    assert second.requests[0].json["model"] == f"model-{second.name}"


def test_a_list_of_models_moves_nothing(provide):
    """A list of models is asked of the active credential, and does not move it."""
    first, second = provide("first", "second")
    chain = Chain(credentials(first, second))
    first.fail(faults.overloaded(), times=1)
    with client("openai", chain) as made:
        assert made.models.list().data
    assert chain.active_index == 0
    assert [row.returns_in for row in chain.status().credentials] == [None, None]


# Azure


@pytest.mark.parametrize("mode", ["sync", "asyncio"])
@pytest.mark.parametrize("sdk", ["openai", "azure"])
def test_azure_and_openai_are_one_chain(provide, sdk, mode):
    """OpenAI's and Azure's SDK both reach hosts of either kind: deployment, version and key are rewritten."""
    (first,) = provide("first", wire="azure")
    (second,) = provide("second")
    chain = Chain(credentials(first, second))
    assert ask(sdk if sdk == "openai" else "azure", chain, mode=mode) == TEXT
    first.fail(faults.auth())
    assert ask(sdk, chain, mode=mode) == TEXT
    assert first.requests[0].path == f"/openai/deployments/model-{first.name}/chat/completions"
    assert first.requests[0].query == {"api-version": "2024-10-21"}
    assert second.requests[0].path == "/v1/chat/completions"
    assert second.requests[0].query == {}


def test_only_credentials_that_speak_the_format_are_asked(provide):
    """Another format's credential in the chain is passed over, and stays active for those who speak it."""
    (first,) = provide("first", wire="anthropic")
    (second,) = provide("second")
    chain = Chain(credentials(first, second))
    assert ask("openai", chain) == TEXT
    assert chain.active_index == 0
    assert first.requests == ()


# what one account holds


def test_a_file_and_its_batch_stay_with_their_account(accounts):
    """What names a file goes where the file is, although another credential is active by then."""
    (first, second), chain = accounts("first", "second")
    with client("openai", chain) as made:
        file = made.files.create(file=("a.jsonl", b"{}"), purpose="batch")
        first.down.add("chat/completions")
        assert made.chat.completions.create(model="m", messages=QUESTION).choices[0].message.content == "second"
        batch = made.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
        assert made.batches.retrieve(batch.id).id == batch.id
        assert made.files.content(file.id).read() == AUDIO
    assert [path for _, path, _ in second.seen] == ["chat/completions"]


@pytest.mark.parametrize("stream", [False, True], ids=["whole", "stream"])
def test_a_response_goes_on_where_it_began(accounts, stream):
    """`previous_response_id` binds a request to the account that has that response."""
    (first, second), credentials_ = accounts("first", "second")
    chain = Chain(credentials_)
    with client("openai", chain) as made:
        begun = made.responses.create(model="m", input="hi", stream=stream)
        earlier = next(e.response.id for e in begun if e.type == "response.completed") if stream else begun.id
        first.down.add("chat/completions")
        made.chat.completions.create(model="m", messages=QUESTION)
        assert chain.active_index == 1
        assert made.responses.create(model="m", input="more", previous_response_id=earlier).output_text == "first"
    assert "responses" not in [path for _, path, _ in second.seen]


def test_binding_can_be_switched_off(accounts):
    """With `keep_bound=False` every request goes where the chain stands."""
    (first, second), chain = accounts("first", "second")
    with client("openai", chain, keep_bound=False) as made:
        earlier = made.responses.create(model="m", input="hi").id
        first.down.add("chat/completions")
        made.chat.completions.create(model="m", messages=QUESTION)
        made.responses.create(model="m", input="more", previous_response_id=earlier)
    assert [path for _, path, _ in second.seen] == ["chat/completions", "responses"]


def test_a_host_without_images_is_passed_over_and_not_parked(accounts):
    """A resource that one host lacks is asked of the next, with the caller's own model; chat stays where it was."""
    (_, second), credentials_ = accounts("first", "second", without={"images/generations"})
    chain = Chain(credentials_)
    with client("openai", chain) as made:
        assert made.images.generate(model="my-images", prompt="a key").data[0].b64_json == "my-images"
        assert made.chat.completions.create(model="m", messages=QUESTION).choices[0].message.content == "first"
    assert chain.active_index == 0
    assert chain.status().credentials[0].returns_in is None
    assert len(second.seen) == 1


def test_audio_passes_through(accounts):
    """Speech comes as bytes, a transcription is sent as a form; both byte for byte."""
    (host,), chain = accounts("only")
    with client("openai", chain) as made:
        assert made.audio.speech.create(model="tts", voice="alloy", input="hi").read() == AUDIO
        with made.audio.speech.with_streaming_response.create(model="tts", voice="alloy", input="hi") as streamed:
            assert b"".join(streamed.iter_bytes()) == AUDIO
        assert made.audio.transcriptions.create(model="whisper", file=("a.mp3", AUDIO)).text.startswith("only: ")
    assert AUDIO in host.seen[-1][2]


@pytest.mark.parametrize("bare", [False, True], ids=["client of ours", "client of one's own"])
def test_cookies_stay_behind(accounts, bare):
    """What one provider sets is not sent to the next, nor back."""
    (host,), chain = accounts("only")
    with httpx2.Client(transport=FailoverTransport(chain)) if bare else http_client(chain) as http:
        for _ in range(2):
            http.post("https://any.example/v1/chat/completions", json={"model": "m", "messages": QUESTION})
    assert host.cookies == [None, None]


def test_files_are_sent_on_asyncio(accounts):
    """The async client sends a form, too."""
    (host,), chain = accounts("only")

    async def main():
        async with client("openai", chain, "asyncio") as made:
            return (await made.files.create(file=("a.jsonl", AUDIO), purpose="batch")).id

    assert asyncio.run(main()) in host.made
    assert AUDIO in host.seen[-1][2]


# where chains come from


def test_a_configuration_names_the_chain(provide, tmp_path, monkeypatch):
    """`sdk_options("chat")` reads the configuration file; headers and further fields of a credential are sent."""
    (first,) = provide("first")
    file = tmp_path / "sparekey.toml"
    file.write_text(
        f'[vlm]\nprovider = "openai"\nmodel = "model-{first.name}"\napi_key = "env:SIM_KEY"\napi_base = "{first.base_url}"\n'
        '[[vlm.credentials]]\nextra_headers = { x-team = "blue" }\nextra_request_body = { seed = 7 }\n'
    )
    monkeypatch.setenv("SPAREKEY_CONFIG", str(file))
    monkeypatch.setenv("SIM_KEY", f"key-{first.name}")
    with openai.OpenAI(**sdk_options("chat")) as made:
        assert made.timeout.read == 600
        assert made.chat.completions.create(model="m", messages=QUESTION).choices[0].message.content == TEXT
    assert first.requests[0].headers["x-team"] == "blue"
    assert first.requests[0].json["seed"] == 7


def test_a_configuration_object_serves_as_well(provide):
    """A `VLMConfig` is a chain; `http_client` is enough for an SDK that takes one."""
    (first,) = provide("first")
    one = {"provider": "openai", "model": f"model-{first.name}", "api_key": f"key-{first.name}", "api_base": first.base_url}
    with http_client(VLMConfig(credentials=[one])) as http:
        url = "https://api.openai.com/v1/chat/completions"
        assert http.post(url, json={"model": "m", "messages": QUESTION}).json()["model"] == f"model-{first.name}"


@pytest.mark.parametrize(
    ("source", "options", "told"),
    [
        ("nobody", {}, "no chain is called 'nobody'"),
        ([Credential("a", "openai", "m", api_key=Secret("k"))], {"sdk": "anthropic"}, "speaks the format of the SDK 'anthropic'"),
        ([Credential("a", "openai", "m", api_key=Secret("k"))], {"sdk": "smoke"}, "no SDK is called 'smoke'"),
    ],
)
def test_what_cannot_work_is_refused_at_once(source, options, told):
    """A wrong name, and a chain that nobody can serve, are configuration errors before any request."""
    with pytest.raises(ConfigError, match=told):
        sdk_options(source, **options)


def test_paths_that_climb_are_not_sent(provide):
    """A path with `..` in any disguise leaves nothing of ours: no request is made, nobody is blamed."""
    (first,) = provide("first")
    chain = Chain([credential(first), Credential("other", "openai", "m", api_key=Secret("k"), endpoint="http://127.0.0.1:9/v1")])
    with http_client(chain) as http, pytest.raises(Exception, match="is not sent to any provider"):
        http.post("https://any.example/v1/files/%2e%2e/%2e%2e/admin", json={})
    assert first.requests == ()
    assert [row.returns_in for row in chain.status().credentials] == [None, None]


def test_an_id_from_before_is_looked_for_everywhere(accounts):
    """A file that this transport has not seen made is found with the account that has it, and is bound to it from then on."""
    (first, second, third), chain = accounts("first", "second", "third")
    third.made.append("file-old")
    with client("openai", chain) as made:
        assert made.files.retrieve("file-old").id == "file-old"
        assert made.files.content("file-old").read() == AUDIO
    assert [len(host.seen) for host in (first, second, third)] == [1, 1, 2]
