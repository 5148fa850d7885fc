"""Pli: the round trip of mail between a cooperative and its members."""
