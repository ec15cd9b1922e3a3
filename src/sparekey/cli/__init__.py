"""The command line: `sparekey check`, `chat`, `embed`, `explain`, `migrate`, `demo`, `version`."""


def main() -> None:
    """Run the command line and end the process with its exit code (see `sparekey.cli.exits`)."""
    from sparekey.cli.app import run  # noqa: PLC0415 - `import sparekey.cli` costs nothing

    run()
