"""Whether the server is there, which model it has, and what tokens are."""
