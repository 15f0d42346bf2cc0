"""Scores of predictions: recognition and how far probabilities can be trusted."""
