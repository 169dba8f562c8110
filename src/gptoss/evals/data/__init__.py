"""Reads the files of published benchmarks, which a user brings, row by row and without trust."""
