"""HTTP: the APIs that clients already speak, a folder for each, and what guards them."""
