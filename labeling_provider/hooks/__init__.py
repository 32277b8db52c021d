"""The hook: turns an Airflow connection into a client of Ground Truth."""
