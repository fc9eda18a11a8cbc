"""Rows to ask, answers to compare: how one set of arrays follows from another."""
