"""The hook: an Airflow connection becomes a client of Ground Truth.

So retries, region, endpoint and credentials have one home: the Airflow connection.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.parsing import parse_time
from labeling_provider.jobs.ownership import killed_tags

if TYPE_CHECKING:
    from labeling_provider.client.s3_objects import Upload

_OF_CONNECTION: Final = ("conn_config", "conn", "_client", "conn_client_meta", "conn_region_name", "conn_partition")


class LabelingHook(AwsBaseHook):
    """Talks to SageMaker Ground Truth, or to a self-hosted Ground Truth, and to the S3 beside it.

    Which of them is chosen by the connection alone: ``endpoint_url`` in its extra field, or none for Amazon.

    :param aws_conn_id: the Airflow connection; None for boto3's own way to find credentials.
    :param region_name: the region, if it is not the connection's.
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    :param config: botocore configuration.
    :param outage: seconds without any answer after which to give up, on top of botocore's own retries.
    :param ask: calls what asks Airflow for the connection, and returns what that returns.
    :ivar ground_truth: the client, which everything here goes through.
    """

    def __init__(
        self,
        *args: Any,
        outage: float = 900,
        ask: Callable[[Callable[[], AwsConnectionWrapper]], AwsConnectionWrapper] = lambda question: question(),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{**kwargs, "client_type": "sagemaker"})
        self._ask = ask
        self._had_connection = False
        self.ground_truth = GroundTruth(self._make_client, outage=outage, forget=self._forget)

    # The connection

    @cached_property
    def conn_config(self) -> AwsConnectionWrapper:
        """The Airflow connection.

        :raises OSError: if it was there before and can't be read now.
        """
        connection = self._ask(lambda: super(LabelingHook, self).conn_config)
        # Airflow tells a connection that is not defined and one that can't be read just now in the same way.
        if self._had_connection and not connection:
            self._forget()
            raise OSError(f"the Airflow connection {self.aws_conn_id} can't be read now")
        self._had_connection = bool(connection)
        return connection

    def _forget(self) -> None:
        for name in _OF_CONNECTION:
            self.__dict__.pop(name, None)

    def _make_client(self, service: str, **settings: Any) -> Any:
        if service == self.client_type and not settings:
            return self.get_client_type(region_name=self.region_name)
        config = (self.config or Config()).merge(Config(**settings)) if settings else self.config
        session = self.get_session(region_name=self.region_name)
        parsers = session._session.get_component("response_parser_factory")
        parsers.set_parser_defaults(timestamp_parser=parse_time)
        return session.client(
            service,
            endpoint_url=self.conn_config.get_service_endpoint_url(service),
            config=config,
            verify=self.verify,
        )

    @cached_property
    def conn(self) -> Any:
        """The boto3 SageMaker client that is in use at this moment."""
        return self.sagemaker.now

    def test_connection(self) -> tuple[bool, str]:
        """Ask for one labeling job.

        :return: whether an answer came, and what to tell the user.
        """
        try:
            self.sagemaker.list_labeling_jobs(MaxResults=1)
        except (BotoCoreError, ClientError) as error:
            return False, f"{type(error).__name__}: {error}"
        return True, f"Labeling jobs can be listed at {self.conn_client_meta.endpoint_url}"

    # Clients

    @property
    def outage(self) -> float:
        """Seconds without any answer after which to give up."""
        return self.ground_truth.outage

    @property
    def sagemaker(self) -> Any:
        """The boto3 SageMaker client."""
        return self.ground_truth.sagemaker

    @property
    def s3(self) -> Any:
        """A boto3 S3 client of the same connection."""
        return self.ground_truth.s3

    def client(self, service: str, prepare: Callable[[Any], None] = lambda client: None, **settings: Any) -> Any:
        """A boto3 client of another service by the same connection, such as ``sqs``.

        It is made anew when credentials have failed.

        :param prepare: called with the client whenever it was made.
        :param settings: botocore configuration on top of the connection's.
        """
        return self.ground_truth.client(service, prepare, **settings)

    # Labeling jobs

    def find_job(self, name: str) -> dict[str, Any] | None:
        """The answer of DescribeLabelingJob; None if there is no such job.

        :raises LabelingError: if the service does not say.
        """
        job = self.ground_truth.find_job(name)
        return None if job is None else dict(job.members)

    def create_job(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Create a labeling job, or find the one of this name that exists: an answer may have been lost on its way.

        :param request: arguments of ``create_labeling_job``.
        :return: the answer of DescribeLabelingJob. The caller sees by its tags whose job it is.
        :raises LabelingError: if there is no job in the end.
        """
        return dict(self.ground_truth.create_job(request).members)

    def stop_job(self, name: str, killed_try: int | None = None) -> bool:
        """Stop a job; one that has ended is left as it is.

        :param killed_try: the try of an Airflow task that a user has ended, to be noted on the job: a later try then
            knows that it was not stopped for good.
        :return: whether it was still running.
        :raises LabelingError: if there is no such job, or it can't be stopped.
        """
        return self.ground_truth.stop_job(name, killed_tags(killed_try))

    def has_model(self, arn: str) -> bool:
        """Whether a model is there; taken for granted if this connection may not ask (``sagemaker:DescribeModel``).

        :raises LabelingError: if the service does not say.
        """
        return self.ground_truth.has_model(arn)

    # S3 objects

    def read_lines(self, uri: str) -> Iterator[bytes]:
        """The lines of an S3 object, streamed, each with its line break.

        :raises LabelingError: if it can't be read.
        """
        return self.ground_truth.objects.read_lines(uri)

    def read_chunks(self, uri: str) -> Iterator[bytes]:
        """An S3 object in pieces; a connection that breaks is taken up again where it broke.

        :raises LabelingError: if it can't be read.
        """
        return self.ground_truth.objects.read_chunks(uri)

    def read_object(self, uri: str, limit: int) -> bytes:
        """An S3 object.

        :param limit: most bytes that it may have.
        :raises LabelingError: if it can't be read or is larger.
        """
        return self.ground_truth.objects.read(uri, limit)

    def write_text(self, uri: str, text: str) -> None:
        """Store a small text in S3.

        :raises LabelingError: if it can't be written.
        """
        self.ground_truth.objects.write_text(uri, text)

    def writer(self, uri: str) -> AbstractContextManager[Upload]:
        """Store an S3 object piece by piece, so that any size takes the same memory.

        It appears at the end of the ``with`` block, whole, or not at all if that ends by an exception.

        :raises LabelingError: if it can't be written.
        """
        return self.ground_truth.objects.writer(uri)
