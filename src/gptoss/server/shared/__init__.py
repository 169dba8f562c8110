"""Parts of replies that several dialects have."""
