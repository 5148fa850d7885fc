"""The moments at which a process of the product that reads mail dies, where a test wants it to."""
