"""Weights from the hub that publishes them, or from a mirror of it, into the hub's own cache."""
