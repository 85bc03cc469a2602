"""The command line: read, call, render, write, exit."""

from __future__ import annotations


def run() -> None:
    """Run the program and exit."""
    import gc  # noqa: PLC0415 - before everything else

    # A short run of many small objects: the cyclic collector would look at all of them, imports included, for nothing.
    gc.disable()
    from iacgate.cli.main import run as run_main  # noqa: PLC0415 - only after the collector is off

    run_main()
