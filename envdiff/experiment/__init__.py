"""Throw the switches, and prove which mismatch moved the predictions."""
