"""A labeling job seen from outside: whose it is, what to check before it, how to wait for it, what follows it."""
