"""Tells people what has become of labeling."""

from labeling_provider import require_airflow

require_airflow()
