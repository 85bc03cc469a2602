"""Risk: rule packs, and what they find in a plan."""
