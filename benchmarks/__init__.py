"""Speed and memory, measured and recorded; never part of the tests."""
