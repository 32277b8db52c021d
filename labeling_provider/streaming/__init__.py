"""Feeds streaming labeling jobs and receives their labels. Plain Python over boto3.

Source: developer guide, "Ground Truth streaming labeling jobs".
"""
