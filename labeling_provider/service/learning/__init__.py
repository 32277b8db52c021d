"""Automated data labeling: people label some of the objects, and a model that learns from them labels others.

Source: developer guide, "Automate data labeling".
"""
