"""Rows that a user brings -> packs of tokens, each with its role and the weight of its loss. Without torch."""
