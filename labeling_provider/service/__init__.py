"""A Ground Truth that one hosts oneself."""
