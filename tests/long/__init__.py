"""Long variants of tests, run by hand: `python -m tests.long.NAME`."""
