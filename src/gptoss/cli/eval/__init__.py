"""`gptoss eval`: suites of samples, asked, graded, reported and compared."""
