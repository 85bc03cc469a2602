"""The run: a fresh checkout, surroundings that nobody else chose, terraform, and what came of it."""
