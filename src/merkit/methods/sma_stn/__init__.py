"""Segmented movement-attending spatiotemporal network, SMA-STN; see README.md for the claim sheet."""
