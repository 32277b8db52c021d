"""Ground Truth by one connection: its labeling jobs, and boto3 clients of what stands around them."""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from functools import cached_property
from typing import Any, Final, TypeVar

from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.parsing import refuse_half_answers
from labeling_provider.client.renewal import Renewal, RenewedClient
from labeling_provider.client.retries import is_missing, is_name_taken, is_refused, is_transient, persist
from labeling_provider.client.s3_objects import Objects
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth import facts
from labeling_provider.groundtruth.description import JobDescription

T = TypeVar("T")

_PAUSE: Final = 0.5

MakeClient = Callable[..., Any]
"""Makes a boto3 client: of a service by its name, with members of ``botocore.config.Config`` as keywords."""

log = logging.getLogger(__name__)


class GroundTruth:
    """SageMaker Ground Truth, or a self-hosted one, and the AWS services beside it.

    Its clients get over credentials that fail: they are made anew.

    :param make_client: such as a boto3 session's ``client``, but for the keywords.
    :param outage: seconds without any answer after which to give up, on top of botocore's own retries.
    :param forget: called before clients are made anew: drops what is remembered of the connection.
    """

    def __init__(
        self, make_client: MakeClient, *, outage: float = 900, forget: Callable[[], None] = lambda: None
    ) -> None:
        self.outage = outage
        self._make_client = make_client
        self._renewal = Renewal(forget)

    def client(self, service: str, prepare: Callable[[Any], None] = lambda client: None, **settings: Any) -> Any:
        """A boto3 client of a service, such as ``sqs``; it is made when it is first used.

        :param prepare: called with the client whenever it was made.
        :param settings: botocore configuration on top of the connection's.
        """

        def make() -> Any:
            client = self._make_client(service, **settings)
            refuse_half_answers(client)
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
        """The S3 objects."""
        return Objects(self.s3, self.outage)

    @property
    def region(self) -> str:
        """The region."""
        return str(self.sagemaker.meta.region_name)

    @property
    def partition(self) -> str:
        """``aws``, ``aws-cn`` or another."""
        return str(self.sagemaker.meta.partition)

    @property
    def endpoint_url(self) -> str:
        """Where SageMaker is."""
        return str(self.sagemaker.meta.endpoint_url)

    @property
    def is_amazon(self) -> bool:
        """Whether it is Amazon's, rather than a self-hosted one."""
        return facts.is_amazon(self.endpoint_url)

    def find_job(self, name: str) -> JobDescription | None:
        """A labeling job; None if there is no such job.

        :raises LabelingError: if the service does not say.
        """
        what = f"Looking for labeling job {name}"
        try:
            return JobDescription(
                self._persist(lambda: self.sagemaker.describe_labeling_job(LabelingJobName=name), what)
            )
        except (BotoCoreError, ClientError) as error:
            if is_missing(error):
                return None
            raise LabelingError(f"{what}: {error}") from error

    def job(self, name: str) -> JobDescription:
        """A labeling job that was there a moment ago.

        :raises LabelingError: if it is gone, or the service does not say.
        """
        job = self.find_job(name)
        if job is None:
            raise LabelingError(f"Labeling job {name} is gone.")
        return job

    def create_job(self, request: Mapping[str, Any]) -> JobDescription:
        """Create a labeling job, or find the one of this name that exists: an answer may have been lost on its way.

        :param request: arguments of ``create_labeling_job``.
        :return: the job. The caller sees by its tags whose it is.
        :raises LabelingError: if there is no job in the end.
        """
        name = request["LabelingJobName"]

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
            raise LabelingError(f"Labeling job {name} was created, but is gone.")
        return job

    def stop_job(self, name: str, tags: Mapping[str, str] | None = None) -> bool:
        """Stop a job; one that has ended is left as it is.

        :param tags: what to note on the job first.
        :return: whether it was still running.
        :raises LabelingError: if there is no such job, or it can't be stopped.
        """
        job = self.find_job(name)
        if job is None:
            raise LabelingError(f"There is no labeling job named {name} in {self.region}.")
        if job.state.has_ended:
            return False
        if tags:
            noted = [{"Key": key, "Value": value} for key, value in tags.items()]
            try:
                self._persist(lambda: self.sagemaker.add_tags(ResourceArn=job.arn, Tags=noted), f"Tagging {name}")
            except ClientError as error:
                log.warning("The tags %s can't be put on labeling job %s: %s", ", ".join(tags), name, error)
        try:
            self._persist(lambda: self.sagemaker.stop_labeling_job(LabelingJobName=name), f"Stopping {name}")
        except (BotoCoreError, ClientError) as error:
            raise LabelingError(f"Labeling job {name} can't be stopped: {error}") from error
        return True

    def has_model(self, arn: str) -> bool:
        """Whether a model is there; taken for granted if this connection may not ask (``sagemaker:DescribeModel``).

        :raises LabelingError: if the service does not say.
        """
        what = f"Looking for model {arn}"
        try:
            self._persist(lambda: self.sagemaker.describe_model(ModelName=arn.rpartition("/")[2]), what)
        except (BotoCoreError, ClientError) as error:
            if is_missing(error):
                return False
            if is_refused(error):
                return True
            raise LabelingError(f"{what}: {error}") from error
        return True

    def _persist(self, call: Callable[[], T], what: str) -> T:
        return persist(call, what, outage=self.outage, pause=_PAUSE)
