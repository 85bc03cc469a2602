"""``python -m iacgate``: the same as the ``iacgate`` program."""

from iacgate.cli import run

if __name__ == "__main__":
    run()
