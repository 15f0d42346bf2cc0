"""Simple methods to compare with, each in its own folder."""
