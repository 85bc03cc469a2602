"""iacgate: a change gate for infrastructure as code."""

__version__ = "0.1.0"
