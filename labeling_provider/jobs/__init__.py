"""Runs labeling jobs: checks before creation, ownership, waiting, and follow-up jobs. Plain Python."""
