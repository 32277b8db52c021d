"""The hook: the one way to AWS."""
