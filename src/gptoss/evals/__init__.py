"""Evaluation: suites of samples, graders, and reports that never show a figure without its interval."""
