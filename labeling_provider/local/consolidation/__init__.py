"""Consolidation: one label out of several workers' answers, a module per kind of label."""
