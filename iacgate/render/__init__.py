"""Formats: how answers are shown. Nothing here decides."""
