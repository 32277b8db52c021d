"""The services that the endpoint offers, how requests name them, and the interface of the supporting ones."""

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
    LOGS = "logs"
    COGNITO = "cognito-idp"


SERVICE_OF_TARGET = {
    "SageMaker": Service.SAGEMAKER,
    "AmazonSQS": Service.SQS,
    "AWSEvents": Service.EVENTS,
    "Logs_20140328": Service.LOGS,
    "AWSCognitoIdentityProviderService": Service.COGNITO,
}
"""The service, by the part before the dot in ``X-Amz-Target``."""

SERVICE_OF_VERSION = {
    "2010-03-31": Service.SNS,
    "2012-11-05": Service.SQS,
    "2010-05-08": Service.IAM,
    "2011-06-15": Service.STS,
}
"""The service, by the ``Version`` of a request in the query protocol."""


@dataclass(frozen=True)
class Call:
    """A request to a supporting service, after it was accepted.

    :param operation: its name; empty for S3, which has it in the method and address.
    :param path: percent-encoded; for S3, it includes the bucket.
    :param query: percent-encoded.
    :param headers: values by lower-case name.
    :param host: the Host header.
    :param scope: the day, region and service of its signature, separated by slashes; None if it is not signed.
    :param body: its bytes, positioned at the start.
    :param length: length of the body, in bytes.
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
    """A supporting service's response.

    :param body: its bytes, positioned at the start; large ones are on disk.
    :param length: length of the body, in bytes.
    """

    status: int
    headers: list[tuple[str, str]]
    body: IO[bytes]
    length: int


class Services(Protocol):
    """Answers requests to the supporting services."""

    def serve(self, service: Service, call: Call) -> ServiceResponse:
        """Answer a request. What it changes is stored before this returns.

        :raises ApiError: if the operation is not offered or the request is invalid.
        :raises DatabaseError: if the changes can't be stored.
        """
