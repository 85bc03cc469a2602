"""Reading plans: the model, the JSON, the saved plan file, and what identifies a plan."""
