"""The commands and their options. Each command's work is in a module of its own, imported when it is run, so `--help` is quick."""

# ruff: noqa: PLC0415 - imported when a command is run, see above
# ruff: noqa: ARG001 - --json and --debug act through their callbacks, wherever they stand
# ruff: noqa: D301 - typer keeps the lines behind a backspace as they are; a raw string has none

from __future__ import annotations

import sys
from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from sparekey.cli import output
from sparekey.cli.group import Commands, remember
from sparekey.types import ErrorClass  # noqa: TC001 - typer reads the annotation

app = typer.Typer(
    cls=Commands,
    rich_markup_mode=None,  # the plain help needs no rich to be imported, and reads well in a pipe
    pretty_exceptions_enable=False,
    add_completion=False,
    no_args_is_help=True,
    context_settings={"help_option_names": ["-h", "--help"]},
    help="Spare keys for model APIs: an ordered chain of credentials that keeps the answers coming.",
    epilog="Exit codes: 0 it worked, 1 it could not be served, 2 something has to be changed here first.",
)


def run() -> None:
    """Run the command line; characters that the terminal cannot show are escaped, never a reason to fail."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(errors="backslashreplace")
    output.watch()
    try:
        try:
            app(prog_name="sparekey")
        finally:
            sys.stdout.flush()
    except BrokenPipeError:
        output.hush()
    except output.OutputError as exc:
        from sparekey.cli.problems import problem
        from sparekey.cli.render import show

        output.hush()
        show(problem(exc))
        sys.exit(problem(exc).exit_code)


Debug = Annotated[bool, typer.Option("--debug", help="Show the traceback of an error.", callback=remember("debug"))]
Json = Annotated[bool, typer.Option("--json", help="Print JSON instead of text.", callback=remember("json"))]
Config = Annotated[
    Path | None,
    typer.Option("--config", "-c", metavar="FILE", help="Configuration; else $SPAREKEY_CONFIG, ./sparekey.toml, ./sparekey.json."),
]


class Format(StrEnum):
    """A configuration's file format."""

    TOML = "toml"
    JSON = "json"


def _show_version(wanted: bool) -> None:
    if wanted:
        version()
        raise typer.Exit


@app.callback()
def _root(
    debug: Debug = False,
    show: Annotated[bool, typer.Option("--version", is_eager=True, callback=_show_version, help="As `sparekey version`.")] = False,
) -> None:
    pass


@app.command(short_help="Write a configuration from the keys in the environment.")
def init(
    output: Annotated[Path, typer.Option("--output", "-o", metavar="FILE", help="The file to write.")] = Path("sparekey.toml"),
    force: Annotated[bool, typer.Option("--force", help="Write over a file; write a template if no key is found.")] = False,
    stdout: Annotated[bool, typer.Option("--print", "--stdout", help="Print it, write no file.")] = False,
    debug: Debug = False,
) -> None:
    """Write a commented configuration from the provider keys found in the environment.

    It holds the names of the variables, never a key. A file that is there is kept, unless --force is given.

    \b
    Examples:
      sparekey init
      sparekey init --print
      sparekey init --output team.toml
    """
    from sparekey.cli.init import run_init

    run_init(output, force=force, to_stdout=stdout)


@app.command()
def check(
    config: Config = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="ID", help="Only this credential; may be given again.")] = None,
    timeout: Annotated[float, typer.Option(min=0.1, metavar="SECONDS", help="Longest wait for one answer.")] = 30.0,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Test each credential with one tiny real call.

    Embeddings of one chain are compared, too: their vectors must agree. Exit code 1 if a chain could not serve.

    \b
    Examples:
      sparekey check
      sparekey check --only backup --json
    """
    from sparekey.cli.check import run_check

    raise typer.Exit(run_check(config, only=only or [], timeout=timeout, json=json))


@app.command(short_help="Ask the chat model.")
def chat(
    prompt: Annotated[str, typer.Argument(metavar="PROMPT", help="The question; - reads it from standard input.")],
    config: Config = None,
    image: Annotated[
        list[str] | None, typer.Option("--image", "-i", metavar="PATH", help="An image or its URL; may be given again.")
    ] = None,
    system: Annotated[str | None, typer.Option("--system", metavar="TEXT", help="Instructions that stand before the question.")] = None,
    stream: Annotated[bool, typer.Option(help="Print the answer while it is written.")] = True,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Ask the chat model. The answer is on standard output; who gave it, and why others did not, on standard error.

    \b
    Examples:
      sparekey chat "What is a spare key?"
      sparekey chat "What is in the picture?" --image photo.jpg
      git diff | sparekey chat - --system "Review this change."
    """
    from sparekey.cli.inputs import text_of
    from sparekey.cli.talk import run_chat

    run_chat(text_of(prompt), config, images=image or [], system=system, stream=stream, json=json)


@app.command(short_help="Embed a text with the embedding model.")
def embed(
    text: Annotated[str, typer.Argument(metavar="TEXT", help="The text; - reads it from standard input.")],
    config: Config = None,
    query: Annotated[bool, typer.Option("--query", help="Embed it as a search query, not as a document.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Embed a text: its dimension, first numbers and norm; the whole vector with --json.

    \b
    Examples:
      sparekey embed "a spare key"
      sparekey embed "a spare key" --json > vector.json
    """
    from sparekey.cli.inputs import text_of
    from sparekey.cli.talk import run_embed

    run_embed(text_of(text), config, query=query, json=json)


@app.command()
def explain(
    text: Annotated[str | None, typer.Argument(metavar="TEXT", help="The error; - or nothing reads it from standard input.")] = None,
    file: Annotated[Path | None, typer.Option("--file", "-f", metavar="FILE", help="Read it from a file.")] = None,
    status: Annotated[int | None, typer.Option(min=100, max=599, metavar="N", help="Its HTTP status, if the text does not tell.")] = None,
    config: Annotated[
        Path | None, typer.Option("--config", "-c", metavar="CONFIG", help="Try the rules of this configuration first.")
    ] = None,
    wrong: Annotated[
        ErrorClass | None, typer.Option("--wrong", metavar="CLASS", help="Print the example that teaches this class for it.")
    ] = None,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Say what an error is and what a chain would do about it.

    It reads the text of an exception, a traceback, an HTTP response as `curl -i` prints it, or a JSON body. No call is made.

    \b
    Examples:
      sparekey explain "openai.RateLimitError: Error code: 429 - insufficient_quota"
      sparekey explain --status 404 '{"error": {"code": "model_not_found"}}'
      curl -si https://api.openai.com/v1/models | sparekey explain
    """
    from sparekey.cli.explain import run_explain
    from sparekey.cli.inputs import error_of, rules_of

    rules = rules_of(config) if config else ()
    run_explain(error_of(text, file), status=status, json=json, rules=rules, wrong=wrong)


@app.command()
def migrate(
    old: Annotated[Path, typer.Argument(metavar="OLD", help="A configuration in an older form (JSON or TOML), or LiteLLM's config.yaml.")],
    write: Annotated[bool, typer.Option("--write", help="Write the file; the old one is kept beside it as OLD.bak.")] = False,
    to: Annotated[Format | None, typer.Option("--to", help="Format; else that of the file.")] = None,
    show_keys: Annotated[bool, typer.Option("--show-keys", help="Show keys on a terminal, too.")] = False,
    debug: Debug = False,
) -> None:
    """Print a configuration in the present form, or write it.

    Keys stay as they are in the file. On a terminal they are shown as ***; a pipe or a file gets them.

    \b
    Examples:
      sparekey migrate old.json
      sparekey migrate old.json --to toml > sparekey.toml
      sparekey migrate old.json --write
      sparekey migrate config.yaml > sparekey.toml
    """
    from sparekey.cli.migrate import run_migrate

    run_migrate(old, write=write, to=to.value if to else None, show_keys=show_keys)


@app.command(short_help="Watch a request survive a dead key.")
def demo(
    keep: Annotated[bool, typer.Option("--keep", help="Let the gateway run on, for its console and your client, until Ctrl-C.")] = False,
    debug: Debug = False,
) -> None:
    """Watch a request survive a dead key: three simulated providers on this machine, no key and no internet needed.

    First inside a program, then behind a gateway. It takes about ten seconds.

    \b
    Examples:
      sparekey demo
      sparekey demo --keep
    """
    from sparekey.cli.demo import run as run_demo
    from sparekey.cli.render import out

    raise typer.Exit(run_demo(out(), keep=keep))


@app.command(short_help="Play the fault catalogue against your chains.")
def drill(
    config: Config = None,
    only: Annotated[list[str] | None, typer.Option("--only", metavar="IDS", help="Only these rows or families: S08,K05 or M.")] = None,
    gateway: Annotated[bool, typer.Option("--gateway", help="Play against the gateway, as its client sees it.")] = False,
    show_list: Annotated[bool, typer.Option("--list", help="Show the rows, play none.")] = False,
    real_time: Annotated[bool, typer.Option("--real-time", help="Wait for everything; half an hour or more.")] = False,
    fast: Annotated[bool, typer.Option("--fast", help="Less load in M07: for tests.")] = False,
    full: Annotated[bool, typer.Option("--full", help="Every case of the rows P, in this process and through the gateway.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Play the fault catalogue against your chains, with simulated providers in place of the real ones.

    Without a configuration the built-in chains are drilled. No key and no internet needed. Exit code 1 if a row fails. With --gateway the
    same faults meet a gateway that serves your chains, and an official SDK calls it over real sockets; rows about hostile callers and
    crowds come on top.

    \b
    Examples:
      sparekey drill
      sparekey drill --only S08,K05 --json
      sparekey drill --gateway --only K07,C
    """
    from sparekey.cli.drill import run_drill, run_list

    if show_list:
        run_list(gateway=gateway, json=json)
    else:
        more = {"real_time": real_time, "fast": fast, "full": full}
        raise typer.Exit(run_drill(config, only=only or [], gateway=gateway, json=json, **more))


@app.command(short_help="Serve the chains to any client over HTTP.")
def serve(
    config: Config = None,
    host: Annotated[str | None, typer.Option(metavar="ADDRESS", help="Address to listen on.")] = None,
    port: Annotated[int | None, typer.Option(min=0, max=65535, metavar="PORT", help="Port to listen on; 0 takes a free one.")] = None,
    workers: Annotated[int | None, typer.Option(min=1, metavar="N", help="Processes that share the port.")] = None,
    store: Annotated[
        str | None, typer.Option(metavar="URL", help="Where the state of the chains is kept: sqlite:///FILE, redis://HOST, memory.")
    ] = None,
    new_key: Annotated[bool, typer.Option("--new-key", help="Print a new key for a client, and serve nothing.")] = False,
    debug: Debug = False,
) -> None:
    """Serve the chains of a configuration to any client: OpenAI's, Anthropic's and Gemini's wire, failover behind one address.

    A client names a chain as its model: `chat` for [vlm], `embedding` for [embedding.dense], NAME for [gateway.chat.NAME]. The
    configuration is read anew when its file changes, and on SIGHUP.

    \b
    Examples:
      sparekey serve
      sparekey serve --config sparekey.toml --port 8080 --workers 2
      sparekey serve --new-key
    """
    from sparekey.cli import serve as command

    if new_key:
        command.new_key()
    else:
        command.run_serve(config, host=host, port=port, workers=workers, store=store)


@app.command(short_help="Show who serves in a running gateway, and why.")
def status(
    url: Annotated[str, typer.Option(metavar="URL", help="Address of the gateway.")] = "http://127.0.0.1:8080",
    watch: Annotated[bool, typer.Option("--watch", "-w", help="Show it anew each second.")] = False,
    json: Json = False,
    debug: Debug = False,
) -> None:
    """Show who serves now in a running gateway, why the others do not, and what happens next.

    The admin key is read from SPAREKEY_ADMIN_KEY. Exit code 1 if a chain cannot serve.

    \b
    Examples:
      sparekey status
      sparekey status --url http://127.0.0.1:9000 --watch
    """
    from sparekey.cli.status import run_status

    raise typer.Exit(run_status(url, json=json, watch=watch))


@app.command()
def version() -> None:
    """Print the version of sparekey and of Python.

    \b
    Example:
      sparekey version
    """
    import platform

    from sparekey import __version__

    print(f"sparekey {__version__} (Python {platform.python_version()}, {platform.system()} {platform.machine()})")
