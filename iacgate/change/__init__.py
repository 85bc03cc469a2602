"""The change around a plan: its record, its type, its tests, its schedule, and where it went before."""
