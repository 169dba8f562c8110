"""What is wrong with a machine or a model, each with what to do about it."""
