"""Runs programs of answers in the sandbox, against tests that they never see."""
