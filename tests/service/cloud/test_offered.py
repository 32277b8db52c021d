"""The services are told apart as botocore names them."""

from __future__ import annotations

import botocore.session

from labeling_provider.service.cloud.offered import SERVICE_OF_TARGET, SERVICE_OF_VERSION, Service


def test_every_service_is_known_by_the_names_that_clients_send() -> None:
    targets: dict[str, Service] = {}
    versions: dict[str, Service] = {}
    session = botocore.session.get_session()
    for service in Service:
        model = session.get_service_model(service)
        assert model.signing_name == service
        if "targetPrefix" in model.metadata:
            targets[model.metadata["targetPrefix"]] = service
        # SQS spoke that protocol once, and older clients still do.
        if model.metadata["protocol"] == "query" or "awsQueryCompatible" in model.metadata:
            versions[model.api_version] = service
    assert targets == SERVICE_OF_TARGET
    assert versions == SERVICE_OF_VERSION
