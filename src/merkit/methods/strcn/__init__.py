"""Spatiotemporal recurrent convolutional networks, STRCN-A and STRCN-G; see README.md for the claim sheet."""
