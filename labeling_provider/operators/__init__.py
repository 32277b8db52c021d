"""Operators for labeling jobs, their manifests and their labels."""

from labeling_provider import require_airflow

require_airflow()
