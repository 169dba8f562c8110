"""Constraints on a text that programs can check, and texts made to meet them."""
