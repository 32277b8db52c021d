"""Task decorators."""

from labeling_provider import require_airflow

require_airflow()
