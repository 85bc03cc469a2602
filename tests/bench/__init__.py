"""``python -m tests.bench`` (``make bench``): the speed, as ratios of whole processes measured in one run."""
