"""The service's HTTP side: who is let in, what is asked for, and the answer."""
