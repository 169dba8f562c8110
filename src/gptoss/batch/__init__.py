"""Many requests, each once: at once as many as the engine or a server takes, and resumable after any end."""
