"""Input steps: what a recognizer is given, made the same way from a dataset and from a video."""
