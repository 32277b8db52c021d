"""Ground Truth's contract in plain Python: no Airflow, no network."""
