"""Tells people what has become of labeling."""
