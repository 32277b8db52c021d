"""Amazons that refuse something, or tell of a job what the service that stands for Amazon would not."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from typing import Any

from botocore.awsrequest import AWSResponse

from labeling_provider.client.ground_truth import GroundTruth
from tests.client.clients import ground_truth
from tests.conftest import Lab


def denied(amazon: Lab, bucket: str) -> GroundTruth:
    """Amazon for somebody who may not read a bucket."""

    def refuse(params: dict[str, Any], **_: Any) -> Any:
        if f"/{bucket}/" not in params["url"]:
            return None
        error = {"Code": "AccessDenied", "Message": "Access Denied"}
        return AWSResponse(params["url"], 403, {}, None), {
            "Error": error,
            "ResponseMetadata": {"HTTPStatusCode": 403},
        }

    def make_client(service: str, **settings: Any) -> Any:
        client = amazon.service.client(service)
        if service == "s3":
            client.meta.events.register("before-call.s3", refuse)
        return client

    return GroundTruth(make_client)


def pretending(amazon: Lab, name: str, description: dict[str, Any]) -> GroundTruth:
    """Amazon, where one job's description is another."""
    return pretending_all(amazon, {name: description})


def pretending_all(amazon: Lab, descriptions: Mapping[str, dict[str, Any]]) -> GroundTruth:
    """Amazon, where the descriptions of some jobs, by name, are these."""
    real = ground_truth(amazon)
    sagemaker = real.sagemaker

    class Sagemaker:
        meta = sagemaker.meta

        def __getattr__(self, operation: str) -> Callable[..., Any]:
            def call(**request: Any) -> Any:
                if operation == "describe_labeling_job" and request["LabelingJobName"] in descriptions:
                    return descriptions[request["LabelingJobName"]]
                return getattr(sagemaker, operation)(**request)

            return call

    real.__dict__["sagemaker"] = Sagemaker()
    return real


def described(request: Mapping[str, Any], status: str, **changes: Any) -> dict[str, Any]:
    """What Amazon says of a job that was made by a request, in an account of its own."""
    counters = ("TotalLabeled", "HumanLabeled", "MachineLabeled", "FailedNonRetryableError", "Unlabeled")
    now = datetime.now(UTC)
    return {
        **request,
        "LabelingJobArn": f"arn:aws:sagemaker:us-east-1:111122223333:labeling-job/{request['LabelingJobName']}",
        "LabelingJobStatus": status,
        "LabelCounters": dict.fromkeys(counters, 0),
        "CreationTime": now,
        "LastModifiedTime": now,
        "JobReferenceCode": "0",
        **changes,
    }


def vendor(description: dict[str, Any], **changes: Any) -> dict[str, Any]:
    """A description with another workteam, and other changes."""
    arn = "arn:aws:sagemaker:us-east-1:123456789012:workteam/vendor-crowd/labelers"
    human = {**description["HumanTaskConfig"], "WorkteamArn": arn}
    return {**description, "HumanTaskConfig": human, **changes}
