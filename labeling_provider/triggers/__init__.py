"""Triggers: wait for labeling jobs and feed streaming jobs without occupying a worker."""

from labeling_provider import require_airflow

require_airflow()
