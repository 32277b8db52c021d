"""The self-hosted Ground Truth service."""
