"""Ground Truth's contract, as plain Python: no Airflow, no network."""
