"""Talking to AWS well. Plain Python over boto3 clients."""
