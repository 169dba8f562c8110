"""Other engines on the same weights, by turns with ours."""
