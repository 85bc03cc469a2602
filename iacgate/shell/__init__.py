"""Everything impure: programs, files, clocks, the environment."""
