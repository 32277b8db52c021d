"""Sensors: wait for labeling jobs that something else has created."""
