"""Containers: the notebooks in which a server runs the model's Python, each with its files, for one owner."""
