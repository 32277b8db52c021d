"""Clients of the local service as a notebook makes them, without Airflow."""

from __future__ import annotations

from typing import Any

from botocore.config import Config

from labeling_provider.client.ground_truth import GroundTruth
from tests.conftest import Lab


def ground_truth(lab: Lab, endpoint_url: str | None = None, **options: Any) -> GroundTruth:
    """What a notebook would make."""

    def make_client(service: str, **settings: Any) -> Any:
        config = Config(**{"retries": {"total_max_attempts": 1}, **settings})
        return lab.service.client(service, config=config, endpoint_url=endpoint_url or lab.service.endpoint_url)

    return GroundTruth(make_client, **options)


def silent(region: str = "us-east-1", endpoint_url: str | None = None) -> GroundTruth:
    """A Ground Truth that is never asked anything: Amazon's, unless it is said where it is."""
    import boto3

    session = boto3.Session("key", "secret", region_name=region)
    return GroundTruth(lambda service, **settings: session.client(service, endpoint_url=endpoint_url))
