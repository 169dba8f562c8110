"""Fuzzes the readers of files that nobody vouches for: any bytes give a value or an error of ours, within bounds."""
