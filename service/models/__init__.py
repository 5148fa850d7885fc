"""Tables, named selects and the transitions of one row."""
