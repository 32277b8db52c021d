"""The plugin with pages about labeling jobs in the Airflow UI, served by Airflow's API server."""

from labeling_provider import require_airflow

require_airflow()
