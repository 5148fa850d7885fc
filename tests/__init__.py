"""The tests of Pli; `parts` holds the real servers they talk to."""
