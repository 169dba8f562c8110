"""Runs in the sandbox beside a program of an answer: sent there as text, and never imported here."""
