"""Several workers' answers become one label."""
