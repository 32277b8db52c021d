"""Triggers: wait for labeling jobs and feed streaming jobs without occupying a worker."""
