"""Blocks that networks of two or more methods are built of."""
