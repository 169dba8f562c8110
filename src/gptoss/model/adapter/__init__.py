"""Adapters: low-rank changes of a model's matrices, and their files. Without torch."""
