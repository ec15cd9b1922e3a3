"""`check` said "could serve: 1 of 3 work", and `chat` on the same file said that the call failed: two dead keys hid a healthy third."""

import json

import pytest
from typer.testing import CliRunner

from sparekey.cli.app import app
from sparekey.lab.simulator import TEXT, Simulator, faults

WORDINGS = [
    faults.refuse("auth", status=400, message="Incorrect API key provided: xa***ab."),
    faults.refuse("model_not_found", status=404, message="The model or endpoint m does not exist or you do not have access to it."),
    faults.refuse("quota", status=422, message="Sorry, your account balance is insufficient"),
    faults.refuse("bad_request", status=400, message="User location is not supported for the API use."),
    faults.html(404),
]


@pytest.mark.parametrize("refusal", WORDINGS, ids=lambda one: str(getattr(one, "status", "html")))
def test_what_check_says_could_serve_serves(refusal, tmp_path, monkeypatch):
    """Two that refuse in the same words, one that is well: both commands say so, however the refusal is worded."""
    monkeypatch.setenv("SPAREKEY_CONFIG", str(tmp_path / "sparekey.json"))
    with Simulator() as simulator:
        providers = [simulator.provider(name) for name in ("dead", "dead-too", "well")]
        for one in providers[:2]:
            one.fail(refusal)
        rows = [{"id": f"c{i}", "api_key": f"sk-{i}-of-my-keys", "api_base": one.base_url} for i, one in enumerate(providers)]
        (tmp_path / "sparekey.json").write_text(json.dumps({"vlm": {"provider": "openai", "model": "sim-chat", "credentials": rows}}))
        check, chat = (CliRunner().invoke(app, arguments) for arguments in (["check"], ["chat", "hello", "--no-stream"]))
    assert (check.exit_code, "could serve: 1 of 3 work" in check.stdout) == (0, True)
    assert (chat.exit_code, chat.stdout) == (0, f"{TEXT}\n")
