"""Suites that need no data: samples made from a seed, which show whether a build, a fine-tune or a server is broken."""
