"""The wire: each module implements one port."""
