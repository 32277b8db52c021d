"""Triggers: wait for labeling jobs without a worker."""
