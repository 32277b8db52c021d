"""Renders labels as HTML."""
