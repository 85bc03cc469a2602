"""The configuration that a plan was made from, as its authors wrote it."""
