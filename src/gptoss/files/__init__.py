"""Files of others read without trust, and own files written whole, private where they hold what users said."""
