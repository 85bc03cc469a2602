"""``python -m iacgate``: the same as the ``iacgate`` program."""

from iacgate.cli.main import run

if __name__ == "__main__":
    run()
