"""Notifies people of the outcome of labeling."""

from labeling_provider import require_airflow

require_airflow()
