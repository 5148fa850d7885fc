"""The proof of a sending: what it holds (content), the table that is hashed (sheet), the paper that people read (paper)."""
