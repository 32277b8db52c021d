"""Feeding streaming labeling jobs: topics, sources of new objects, messages, publication. Plain Python over boto3.

Source: developer guide, "Ground Truth streaming labeling jobs".
"""
