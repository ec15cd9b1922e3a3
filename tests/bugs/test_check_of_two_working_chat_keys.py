"""`sparekey check` compares vectors; two chat credentials that both work have none."""

from sparekey.cli.check import compared
from sparekey.cli.probe_call import Finding


def test_chat_credentials_are_left_as_they_are():
    """Two chat credentials that work are both ok after the comparison."""
    findings = [Finding("vlm", name, "openai", "m", ok=True) for name in ("team", "spare")]
    assert compared(findings) == findings
