"""The services that one endpoint offers, and what the wire says of each."""

from __future__ import annotations

from enum import StrEnum


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
