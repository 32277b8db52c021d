"""The self-hosted Ground Truth."""
