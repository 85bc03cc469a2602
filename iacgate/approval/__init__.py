"""Signed statements about a change, and what they count for."""
