"""Adaptive key-frame mining network, AKMNet; see README.md for the claim sheet."""
