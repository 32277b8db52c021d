"""Labels as HTML."""
