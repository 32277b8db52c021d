"""The migrations, oldest first. Do not change a migration after its release."""
