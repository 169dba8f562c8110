"""gptoss-nano: task generators, vocabulary, training run, report."""
