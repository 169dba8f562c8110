"""HTTP: the APIs that clients already speak, one file per endpoint, and what guards them."""
