"""Sensors: wait for labeling jobs that were created elsewhere."""
