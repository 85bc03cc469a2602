"""The command line: read, call, render, write, exit."""
