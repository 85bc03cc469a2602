"""Whether, and how, a plan can be undone: what is known of resource types, verdicts, checks, the way back."""
