"""Automated data labeling: people label a part, a model that learns from them labels what it is sure of.

Source: developer guide, "Automate data labeling".
"""
