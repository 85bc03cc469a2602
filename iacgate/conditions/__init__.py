"""Three-valued conditions over values that may be unknown or sensitive."""
