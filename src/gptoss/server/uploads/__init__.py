"""Uploads: forms with a file, read as they come and never held as a whole."""
