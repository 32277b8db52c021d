"""Runs labeling jobs, stage by stage."""
