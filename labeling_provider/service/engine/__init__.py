"""A labeling job's stages."""
