"""The services that one endpoint offers, what the wire says of each, and what answers for those around labeling."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import IO, Protocol


class Service(StrEnum):
    """A service, by the name that signatures are scoped to."""

    SAGEMAKER = "sagemaker"
    S3 = "s3"
    SNS = "sns"
    SQS = "sqs"
    IAM = "iam"
    STS = "sts"
    EVENTS = "events"


SERVICE_OF_TARGET = {"SageMaker": Service.SAGEMAKER, "AmazonSQS": Service.SQS, "AWSEvents": Service.EVENTS}
"""The service, by what stands before the dot in ``X-Amz-Target``."""

SERVICE_OF_VERSION = {
    "2010-03-31": Service.SNS,
    "2012-11-05": Service.SQS,
    "2010-05-08": Service.IAM,
    "2011-06-15": Service.STS,
}
"""The service, by the ``Version`` of a request in the query protocol."""


@dataclass(frozen=True)
class Call:
    """A request to one of the services around labeling, which has been let in.

    :param operation: its name; empty for S3, where method and address say what to do.
    :param path: percent-encoded; for S3 the bucket is in it.
    :param headers: values by lower-case name.
    :param host: the Host header.
    :param scope: day, region and service that it was signed for, parted by slashes; None if it was not.
    :param body: its bytes, at the beginning.
    :param length: how many.
    """

    operation: str
    method: str
    path: str
    query: str
    headers: Mapping[str, str]
    host: str
    scope: str | None
    body: IO[bytes]
    length: int


@dataclass(frozen=True)
class ServiceResponse:
    """What a service answers.

    :param body: its bytes, at the beginning; large ones are on the disk.
    :param length: how many.
    """

    status: int
    headers: list[tuple[str, str]]
    body: IO[bytes]
    length: int


class Services(Protocol):
    """Answers requests to the services around labeling."""

    def serve(self, service: Service, call: Call) -> ServiceResponse:
        """Answer one request; what it has changed is kept before anybody hears of it.

        :raises ApiError: if it asks for what is not done here.
        :raises DatabaseError: if the database doesn't take what it has changed.
        """
