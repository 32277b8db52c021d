"""Robust access to AWS over boto3 clients: retries, outages, renewed credentials, paging. Plain Python."""
