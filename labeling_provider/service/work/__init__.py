"""The task queue and the workforce."""
