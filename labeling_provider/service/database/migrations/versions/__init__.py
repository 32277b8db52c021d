"""The migrations, oldest first; what each did is not changed afterwards."""
