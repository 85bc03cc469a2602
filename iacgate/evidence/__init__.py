"""What happened, kept so that it cannot be changed in silence."""
