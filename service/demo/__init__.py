"""The little cooperative and its post office."""
