"""The command line; `app` holds the commands and their options."""


def main() -> None:
    """Run the command line and end the process with its exit code (see `sparekey.cli.exits`)."""
    from sparekey.cli.app import run  # noqa: PLC0415 - `import sparekey.cli` costs nothing

    run()
