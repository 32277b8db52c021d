"""The database: schema, opening, statements."""
