"""The task queue and who works on it."""
