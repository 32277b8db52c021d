"""The service's database: its schema, how it is opened, and all SQL statements."""
