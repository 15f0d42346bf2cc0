"""Facial action learning with a ConvLSTM, FAL-ConvLSTM; see README.md for the claim sheet."""
