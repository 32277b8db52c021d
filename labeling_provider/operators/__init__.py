"""Operators for labeling jobs, their manifests and their labels."""
