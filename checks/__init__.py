"""What `make check` asks beyond the usual tools."""
