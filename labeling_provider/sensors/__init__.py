"""Sensors: wait for labeling jobs that were created elsewhere."""

from labeling_provider import require_airflow

require_airflow()
