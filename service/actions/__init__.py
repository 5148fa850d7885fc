"""What the product does: plain functions, one story a file."""
