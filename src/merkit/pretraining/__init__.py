"""Weights to start from: learnt on pictures of expressions, or on simulated clips."""
