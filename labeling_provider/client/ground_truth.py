"""Ground Truth through one connection: its labeling jobs, and boto3 clients of the services around them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.parsing import refuse_foreign_answers, refuse_half_answers
from labeling_provider.client.queue import MAX_WAIT
from labeling_provider.client.renewal import Renewal, RenewedClient
from labeling_provider.client.retries import is_missing, is_name_taken, is_refused, is_transient, persist
from labeling_provider.client.s3_objects import Objects
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth import facts
from labeling_provider.groundtruth.description import JobDescription, JobRequest
from labeling_provider.groundtruth.tag_lists import write_tags

T = TypeVar("T")

_PAUSE: Final = 0.5

MakeClient = Callable[..., Any]
"""Makes a boto3 client by the service's name; keywords are members of ``botocore.config.Config``."""

log = logging.getLogger(__name__)


class GroundTruth:
    """SageMaker Ground Truth, Amazon's or self-hosted, and the AWS services around it.

    If credentials fail, its clients are created again from the connection.

    :param make_client: creates a boto3 client, like a boto3 session's ``client``.
    :param outage: seconds without any answer after which to give up, on top of botocore's own retries.
    :param forget: called before clients are created again; drops cached parts of the connection.
    """

    def __init__(
        self, make_client: MakeClient, *, outage: float = 900, forget: Callable[[], None] = lambda: None
    ) -> None:
        self.outage = outage
        self._make_client = make_client
        self._renewal = Renewal(forget)

    def client(self, service: str, prepare: Callable[[Any], None] = lambda client: None, **settings: Any) -> Any:
        """A boto3 client, created on first use.

        One of SQS waits for answers as long as SQS waits for messages, and then as long as others do: a message that
        comes after its request was given up is hidden from everybody.

        :param service: the service's name, such as ``sqs``.
        :param prepare: called with the client each time it is created.
        :param settings: botocore configuration on top of the connection's.
        """

        def make() -> Any:
            client = self._make_client(service, **settings)
            patience = client.meta.config.read_timeout
            if service == "sqs" and patience is not None and patience < 2 * MAX_WAIT:
                client = self._make_client(service, **{**settings, "read_timeout": patience + MAX_WAIT})
            refuse_half_answers(client)
            refuse_foreign_answers(client)
            prepare(client)
            return client

        return RenewedClient(self._renewal, make)

    @cached_property
    def sagemaker(self) -> Any:
        """The boto3 SageMaker client."""
        return self.client("sagemaker")

    @cached_property
    def s3(self) -> Any:
        """The boto3 S3 client."""
        return self.client("s3")

    @cached_property
    def objects(self) -> Objects:
        """Access to S3 objects."""
        return Objects(self.s3, self.outage)

    @property
    def region(self) -> str:
        """The connection's region."""
        return str(self.sagemaker.meta.region_name)

    @property
    def partition(self) -> str:
        """The AWS partition, such as ``aws`` or ``aws-cn``."""
        return str(self.sagemaker.meta.partition)

    @property
    def endpoint_url(self) -> str:
        """The URL of the SageMaker endpoint."""
        return str(self.sagemaker.meta.endpoint_url)

    @property
    def is_amazon(self) -> bool:
        """Whether the endpoint is Amazon's rather than self-hosted."""
        return facts.is_amazon(self.endpoint_url)

    def find_job(self, name: str) -> JobDescription | None:
        """Describe a labeling job; None if there is no such job.

        :raises LabelingError: if the service refuses or does not answer.
        """
        action = f"Describing labeling job {name}"
        try:
            return JobDescription(
                self._persist(lambda: self.sagemaker.describe_labeling_job(LabelingJobName=name), action)
            )
        except (BotoCoreError, ClientError) as error:
            if is_missing(error):
                return None
            raise LabelingError(f"{action}: {error}") from error

    def job(self, name: str) -> JobDescription:
        """Describe a labeling job that is known to exist.

        :raises LabelingError: if it no longer exists, or the service refuses or does not answer.
        """
        job = self.find_job(name)
        if job is None:
            raise LabelingError(f"Labeling job {name} no longer exists.")
        return job

    def create_job(self, request: Mapping[str, Any]) -> JobDescription:
        """Create a labeling job, or return an existing one with its name, because a response may have been lost.

        :param request: arguments of ``create_labeling_job``.
        :return: the job. The caller must check its tags for the owner.
        :raises LabelingError: if the job could not be created.
        """
        name = JobRequest(request).name

        def attempt() -> JobDescription | None:
            try:
                self.sagemaker.create_labeling_job(**request)
            except (BotoCoreError, ClientError, OSError) as error:
                if not (is_transient(error) or is_name_taken(error)):
                    raise
                if (job := self.find_job(name)) is not None:
                    return job
                raise
            return self.find_job(name)

        try:
            job = self._persist(attempt, f"Creating labeling job {name}")
        except (BotoCoreError, ClientError) as error:
            raise LabelingError(f"Labeling job {name} was not created: {error}") from error
        if job is None:
            raise LabelingError(f"Labeling job {name} was created, but no longer exists.")
        return job

    def get_job(self, name: str) -> JobDescription:
        """A labeling job that has to exist.

        :raises LabelingError: if there is none of this name, or the service does not answer.
        """
        job = self.find_job(name)
        if job is None:
            raise LabelingError(f"There is no labeling job named {name} in {self.region}.")
        return job

    def stop_job(self, name: str, tags: Mapping[str, str] | None = None) -> bool:
        """Stop a labeling job, unless it has ended.

        :param tags: tags to add to the job first.
        :return: whether it was still running.
        :raises LabelingError: if there is no such job, or it can't be stopped.
        """
        job = self.get_job(name)
        if job.state.has_ended:
            return False
        if tags:
            added = write_tags(tags)
            try:
                self._persist(lambda: self.sagemaker.add_tags(ResourceArn=job.arn, Tags=added), f"Tagging {name}")
            except ClientError as error:
                log.warning("Can't add the tags %s to labeling job %s: %s", ", ".join(tags), name, error)
        try:
            self._persist(lambda: self.sagemaker.stop_labeling_job(LabelingJobName=name), f"Stopping {name}")
        except (BotoCoreError, ClientError) as error:
            raise LabelingError(f"Labeling job {name} can't be stopped: {error}") from error
        return True

    def has_model(self, arn: str) -> bool:
        """Whether a model exists. Assumed to exist without the permission ``sagemaker:DescribeModel``.

        :raises LabelingError: if the service does not answer.
        """
        action = f"Describing model {arn}"
        try:
            self._persist(lambda: self.sagemaker.describe_model(ModelName=arn.rpartition("/")[2]), action)
        except (BotoCoreError, ClientError) as error:
            if is_missing(error):
                return False
            if is_refused(error):
                return True
            raise LabelingError(f"{action}: {error}") from error
        return True

    def _persist(self, call: Callable[[], T], action: str) -> T:
        return persist(call, action, outage=self.outage, pause=_PAUSE)
