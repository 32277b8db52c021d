"""Ground Truth's fixed numbers and names: regions, accounts, ARNs, prices, quotas.

Sources: the documentation in botocore's SageMaker model (HumanTaskConfig.PreHumanTaskLambdaArn,
AnnotationConsolidationConfig, LabelingJobAlgorithmsConfig, UiConfig, PublicWorkforceTaskPrice) and the
developer guide, "Input data quotas" and "Control the flow of data objects sent to workers".
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from decimal import Decimal, InvalidOperation
from enum import StrEnum
from typing import Any, Final, NamedTuple
from urllib.parse import urlsplit

LAMBDA_ACCOUNTS: Final[dict[str, str]] = {
    "ap-northeast-1": "477331159723",
    "ap-northeast-2": "845288260483",
    "ap-south-1": "565803892007",
    "ap-southeast-1": "377565633583",
    "ap-southeast-2": "454466003867",
    "ca-central-1": "918755190332",
    "eu-central-1": "203001061592",
    "eu-west-1": "568282634449",
    "eu-west-2": "487402164563",
    "us-east-1": "432418664414",
    "us-east-2": "266458841044",
    "us-west-2": "081040173940",
}
"""The account that owns the built-in functions, by region. These 12 are all of Ground Truth's regions."""

PUBLIC_WORKFORCE_ACCOUNT: Final = "394669845002"
HUMAN_TASK_UI_ACCOUNT: Final = "394669845002"
ALGORITHM_ACCOUNT: Final = "027400017018"
# Domains of the public partitions, IPv4 endpoints first, then dual-stack. Source: botocore's partitions.json.
_AMAZONS_DOMAINS: Final = (
    *(".amazonaws.com", ".amazonaws.com.cn", ".amazonaws.eu"),
    *(".api.aws", ".api.amazonwebservices.com.cn", ".api.amazonwebservices.eu"),
)
CONSOLE_DOMAINS: Final[Mapping[str, str]] = {
    "aws": "aws.amazon.com",
    "aws-cn": "amazonaws.cn",
    "aws-us-gov": "amazonaws-us-gov.com",
}
"""The domain of the console, by partition."""
TRAINING_FIGURES: Final[Mapping[str, str]] = {
    "image-classification": "Epoch[0] Validation-accuracy={0:.6f}",
    "text-classification": "Validation accuracy: {0:.6f}",
    "object-detection": "#quality_metric: host=algo-1, epoch=0, validation mAP <score>=({0:.6f})",
    "semantic-segmentation": "#quality_metric: host=algo-1, epoch=0, validation mIOU <score>=({0:.6f})",
}
"""The line of a training's log with its figure, by algorithm, in the words of Amazon's: clients look for them."""


def _prices(*amounts: str) -> tuple[Decimal, ...]:
    return tuple(Decimal(amount) for amount in amounts)


SEGMENTATION_PRICES_USD: Final = _prices("0.84", "0.96", "1.08", "1.2")
BOX_PRICES_USD: Final = (
    *_prices("0.036", "0.048", "0.06", "0.072", "0.12", "0.24", "0.36", "0.48", "0.6", "0.72"),
    *SEGMENTATION_PRICES_USD,
)
CLASSIFICATION_PRICES_USD: Final = (*_prices("0.012", "0.024"), *BOX_PRICES_USD)
"""Prices that Mechanical Turk accepts for classification and custom tasks, in USD per worker and task."""

PRICE_PER_OBJECT_USD: Final = Decimal("0.08")
"""Amazon's charge per labeled object, whether labeled by people or by a model. Source: AWS's example notebooks."""

HOUR: Final = 3600
DAY: Final = 24 * HOUR


class MetadataType:
    """What ``type`` says in a label's metadata. Source: developer guide, "Labeling job output data"."""

    IMAGE_CLASSIFICATION: Final = "groundtruth/image-classification"
    IMAGE_CLASSIFICATION_MULTILABEL: Final = "groundtruth/image-classification-multilabel"
    OBJECT_DETECTION: Final = "groundtruth/object-detection"
    SEMANTIC_SEGMENTATION: Final = "groundtruth/semantic-segmentation"
    TEXT_CLASSIFICATION: Final = "groundtruth/text-classification"
    TEXT_CLASSIFICATION_MULTILABEL: Final = "groundtruth/text-classification-multilabel"
    TEXT_SPAN: Final = "groundtruth/text-span"
    VIDEO_CLASSIFICATION: Final = "groundtruth/video-classification"
    LABEL_VERIFICATION: Final = "groundtruth/label-verification"
    VIDEO_OBJECT_DETECTION: Final = "groundtruth/video-object-detection"
    VIDEO_OBJECT_TRACKING: Final = "groundtruth/video-object-tracking"
    POINT_CLOUD_OBJECT_DETECTION: Final = "groundtruth/point_cloud_object_detection"
    POINT_CLOUD_OBJECT_TRACKING: Final = "groundtruth/point_cloud_object_tracking"
    POINT_CLOUD_SINGLE_FRAME_SEMANTIC_SEGMENTATION: Final = "groundtruth/point_cloud_single_frame_semantic_segmentation"
    CUSTOM: Final = "groundtruth/custom"


class Quota:
    """Limits of a labeling job and of what it needs: times in seconds, strings in characters, files in bytes, images in
    pixels.
    """

    MANIFEST_LINE = 100_000
    OBJECTS = 100_000
    SEGMENTATION_OBJECTS = 20_000
    IMAGE_BYTES = 40_000_000
    IMAGE_PIXELS = 100_000_000
    AUTOMATED_IMAGE_PIXELS = 3_840 * 2_160
    AUTOMATED_MASK_PIXELS = 1_920 * 1_080
    AUTOMATED_MINIMUM_OBJECTS = 1_250
    AUTOMATED_ADVISED_OBJECTS = 5_000
    LABEL = 256
    SEQUENCES = 10
    SEQUENCE_FRAMES = 2_000
    SEQUENCE_FILE_BYTES = 4_000_000
    """Not Amazon's: 2,000 frames with the longest names that S3 allows."""
    POINT_SEQUENCE_FRAMES = 500
    POINT_SEQUENCE_FILE_BYTES = 16_000_000
    """Not Amazon's: 500 frames with eight images each, and long names."""
    CAMERA_IMAGES = 8
    VIDEO_LABEL = 16
    ATTRIBUTES = 10
    TEXT_ATTRIBUTES = 5
    ATTRIBUTE_NAME = 16
    ATTRIBUTE_DESCRIPTION = 128
    ATTRIBUTE_CHOICES = 10
    ATTRIBUTE_CHOICE = 16
    FRAME_TEXT = 1_000
    CATEGORY_TEXT = 80
    CATEGORY_NOTE_SHORT = 255
    CATEGORY_NOTE_FULL = 2_048
    TASK_SECONDS = 8 * HOUR
    SEQUENCE_TASK_SECONDS = 30 * DAY
    AVAILABILITY_SECONDS = 30 * DAY
    PUBLIC_AVAILABILITY_SECONDS = 12 * HOUR
    PUBLIC_AVAILABILITY_DEFAULT = 6 * HOUR
    CONCURRENT_OBJECTS_DEFAULT = 1_000
    JOB_SECONDS = 30 * DAY
    TEMPLATE = 128_000
    TAGS = 50
    """Of one resource: SageMaker's and Cognito's limits are the same."""
    LINK_SECONDS = 7 * DAY
    """How long a presigned URL may work. Source: S3 user guide, "Sharing objects with presigned URLs"."""
    HIDDEN_MESSAGE_SECONDS = 12 * HOUR
    """How long a queue may hide a received message. Source: SQS API reference, ChangeMessageVisibility."""


_TOPIC_OR_QUEUE: Final = re.compile(r"arn:aws[a-z-]*:(sns|sqs):[a-z0-9-]*:[0-9]*:([A-Za-z0-9_.-]{1,256})")
_OF_LAMBDA: Final = re.compile(r"arn:aws[a-z-]*:lambda:")


class Arn(NamedTuple):
    """An ARN's parts. ``resource`` is everything after the account."""

    partition: str
    service: str
    region: str
    account: str
    resource: str

    @classmethod
    def parse(cls, text: str) -> Arn:
        """Split an ARN.

        :raises ValueError: if the string is not an ARN.
        """
        parts = text.split(":", 5)
        if len(parts) != 6 or parts[0] != "arn":
            raise ValueError(f"{text!r} is not an ARN")
        return cls(*parts[1:])

    def __str__(self) -> str:
        return ":".join(("arn", *self))


def arn_of(service: str, resource: str, region: str = "", account: str = "", *, partition: str = "aws") -> str:
    """The ARN of a resource.

    :param service: as in ARNs, such as ``sqs``.
    :param resource: everything after the account, such as ``labeling-job/digits``.
    """
    return str(Arn(partition, service, region, account, resource))


def bucket_arn(bucket: str, *, partition: str = "aws") -> str:
    """The ARN of a bucket, or of what is in it.

    :param bucket: its name, or a name and a key: ``bucket/key``.
    """
    return arn_of("s3", bucket, partition=partition)


def topics_and_queues(text: str) -> list[tuple[str, str]]:
    """The topics and queues whose ARNs are in a string: ``sns`` or ``sqs``, and the name of each."""
    return _TOPIC_OR_QUEUE.findall(text)


def names_function(text: str) -> bool:
    """Whether the ARN of a Lambda function is in a string."""
    return _OF_LAMBDA.search(text) is not None


def principal_of(service: str) -> str:
    """What a policy calls one of Amazon's services, such as ``sagemaker.amazonaws.com``."""
    return f"{service}.amazonaws.com"


def image_uri(repository: str, region: str, account: str) -> str:
    """The address of a container image.

    :param repository: with a tag, such as ``image-classification:1``.
    """
    return f"{account}.dkr.ecr.{region}.amazonaws.com/{repository}"


def cognito_issuer(user_pool: str) -> str:
    """The issuer of a Cognito user pool. The pool's id begins with its region.

    Source: Cognito developer guide, "Verifying JSON web tokens"; worker responses of real jobs.
    """
    return f"https://cognito-idp.{user_pool.partition('_')[0]}.amazonaws.com/{user_pool}"


def lambda_arn(function: str, region: str) -> str:
    """ARN of a built-in function such as ``PRE-BoundingBox``.

    :raises KeyError: if the region has no Ground Truth.
    """
    return arn_of("lambda", f"function:{function}", region, LAMBDA_ACCOUNTS[region])


def human_task_ui_arn(name: str, region: str) -> str:
    """ARN of one of Amazon's own worker interfaces."""
    return arn_of("sagemaker", f"human-task-ui/{name}", region, HUMAN_TASK_UI_ACCOUNT)


def algorithm_arn(name: str, region: str) -> str:
    """ARN of an algorithm for automated data labeling."""
    return arn_of("sagemaker", f"labeling-job-algorithm-specification/{name}", region, ALGORITHM_ACCOUNT)


def public_workteam_arn(region: str) -> str:
    """ARN of a region's Mechanical Turk workteam."""
    return arn_of("sagemaker", "workteam/public-crowd/default", region, PUBLIC_WORKFORCE_ACCOUNT)


def is_amazon(endpoint_url: str) -> bool:
    """Whether an endpoint is Amazon's own rather than self-hosted."""
    try:
        host = urlsplit(endpoint_url).hostname or ""
    except ValueError:
        return False
    return host.rstrip(".").endswith(_AMAZONS_DOMAINS)


class WorkforceKind(StrEnum):
    """Whose people a workteam has. The first three are as they stand in its ARN, before ``-crowd``."""

    PRIVATE = "private"
    VENDOR = "vendor"
    PUBLIC = "public"
    UNKNOWN = "unknown"
    """The string is not the ARN of a workteam."""


def workforce_kind(workteam_arn: str) -> WorkforceKind:
    """The kind of workforce a workteam ARN belongs to."""
    match = re.search(r":workteam/(private|vendor|public)-crowd/", workteam_arn)
    return WorkforceKind(match[1]) if match else WorkforceKind.UNKNOWN


def usd_to_amount(price: float | str | Decimal) -> dict[str, int]:
    """Split a price in USD into whole dollars, cents and tenths of a cent, exactly.

    :raises ValueError: if it is not a number, is negative or is finer than a tenth of a cent.
    """
    try:
        mills = Decimal(str(price)) * 1000
    except InvalidOperation:
        raise ValueError(f"{price!r} is not an amount in USD") from None
    if not mills.is_finite() or mills < 0 or mills != mills.to_integral_value():
        raise ValueError(f"{price!r} USD is not a whole number of tenths of a cent")
    dollars, rest = divmod(int(mills), 1000)
    cents, tenths = divmod(rest, 10)
    return {"Dollars": dollars, "Cents": cents, "TenthFractionsOfACent": tenths}


def amount_to_usd(amount: Mapping[str, Any]) -> Decimal:
    """The USD of an AmountInUsd structure; the inverse of :func:`usd_to_amount`."""
    return (
        Decimal(int(amount.get("Dollars", 0)))
        + Decimal(int(amount.get("Cents", 0))) / 100
        + Decimal(int(amount.get("TenthFractionsOfACent", 0))) / 1000
    )
