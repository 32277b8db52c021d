"""Operators: create and stop labeling jobs."""
