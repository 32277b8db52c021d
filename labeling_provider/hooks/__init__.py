"""The hook: turns an Airflow connection into a client of Ground Truth."""

from labeling_provider import require_airflow

require_airflow()
