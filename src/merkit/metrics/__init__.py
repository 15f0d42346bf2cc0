"""Scores of predictions: classes, action units, calibration, and whether a reported score can be true."""
