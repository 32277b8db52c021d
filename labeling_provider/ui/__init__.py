"""Labeling in the Airflow UI: a plugin with pages of its own, served by Airflow's API server."""
