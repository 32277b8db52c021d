"""The hook: turns an Airflow connection into a client of Ground Truth.

Retries, region, endpoint and credentials all come from the connection.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import AbstractContextManager
from functools import cached_property
from types import FrameType
from typing import TYPE_CHECKING, Any, Final

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from airflow.sdk.log import mask_secret
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.parsing import parse_time
from labeling_provider.client.retries import remedy
from labeling_provider.errors import LabelingError
from labeling_provider.jobs.ownership import killed_tags

if TYPE_CHECKING:
    from labeling_provider.client.s3_objects import Upload

_RESULT: Final = frozenset({"job_name", "output_manifest_uri", "label_attribute_name"})
_KEYS: Final = ("aws_access_key_id", "aws_secret_access_key", "aws_session_token")
_OF_CONNECTION: Final = ("conn_config", "conn", "_client", "conn_client_meta", "conn_region_name", "conn_partition")


class LabelingHook(AwsBaseHook):
    """Talks to SageMaker Ground Truth, Amazon's or self-hosted, and to its S3.

    The connection decides which: with ``endpoint_url`` in its extra field it is self-hosted, otherwise Amazon's. Where
    S3 is another server with keys of its own, ``service_config`` in the extra field has its ``endpoint_url``,
    ``aws_access_key_id`` and ``aws_secret_access_key``, and ``aws_session_token`` if there is one.

    :param aws_conn_id: the Airflow connection; None for boto3's default credentials.
    :param verify: whether to verify TLS certificates, or the path of a CA bundle; None for what the connection says.
    :param region_name: the region; None for the connection's.
    :param config: botocore configuration.
    :param outage: seconds without any answer after which to give up, on top of botocore's own retries.
    :param ask: calls the function that gets the connection from Airflow, and returns its result.
    :ivar ground_truth: the client behind all methods.
    """

    def __init__(
        self,
        aws_conn_id: str | None = "aws_default",
        verify: bool | str | None = None,
        region_name: str | None = None,
        *,
        config: Config | dict[str, Any] | None = None,
        outage: float = 900,
        ask: Callable[[Callable[[], AwsConnectionWrapper]], AwsConnectionWrapper] = lambda question: question(),
    ) -> None:
        super().__init__(aws_conn_id, verify, region_name, client_type="sagemaker", config=config)
        self._ask = ask
        self._had_connection = False
        self.ground_truth = GroundTruth(self._make_client, outage=outage, forget=self._forget)

    # The connection

    @cached_property
    def conn_config(self) -> AwsConnectionWrapper:
        """The Airflow connection.

        :raises OSError: if it could be read before, but not now.
        """
        connection = self._ask(lambda: super(LabelingHook, self).conn_config)
        # Airflow does not distinguish an undefined connection from one that temporarily can't be read.
        if self._had_connection and not connection:
            self._forget()
            raise OSError(f"the Airflow connection {self.aws_conn_id} temporarily can't be read")
        self._had_connection = bool(connection)
        return connection

    def _forget(self) -> None:
        for name in _OF_CONNECTION:
            self.__dict__.pop(name, None)

    def _make_client(self, service: str, **settings: Any) -> Any:
        try:
            return self._new_client(service, **settings)
        except ValueError as error:
            raise LabelingError(
                f"The Airflow connection {self.aws_conn_id} can't be used: {error}. endpoint_url in its extra must be "
                "like http://127.0.0.1:4566"
            ) from error

    def _get_caller(self, target_function_name: str = "execute") -> str:
        """Class of the operator that asks, for the user agent.

        The amazon provider's own way searches the source of every loaded module, in each task.
        """
        frame: FrameType | None = sys._getframe()
        while frame is not None and frame.f_code.co_name != target_function_name:
            frame = frame.f_back
        return type(frame.f_locals.get("self")).__name__ if frame else "Unknown"

    def _new_client(self, service: str, **settings: Any) -> Any:
        keys = self._own_keys(service)
        if service == self.client_type and not settings and not keys:
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
            **keys,
        )

    def access_key(self, service: str) -> str | None:
        """The id of the access key with which requests to a service are signed; None if there is none.

        :param service: the service's name, such as ``s3``.
        :raises LabelingError: if the connection has only a part of the service's own keys.
        """
        if own := self._own_keys(service):
            return own["aws_access_key_id"]
        credentials = self.get_session(region_name=self.region_name).get_credentials()
        return str(credentials.access_key) if credentials else None

    def _own_keys(self, service: str) -> dict[str, str]:
        """The keys that the connection has for one service alone; empty if that takes the connection's.

        :raises LabelingError: if it has only a part of them, or what it has for services can't be read.
        """
        services = self.conn_config.service_config
        settings = services.get(service, {}) if isinstance(services, Mapping) else None
        if not isinstance(settings, Mapping):
            raise LabelingError(
                f"The Airflow connection {self.aws_conn_id} can't be used: service_config in its extra must be a JSON "
                'object of objects, like {"s3": {"endpoint_url": "http://127.0.0.1:9000"}}.'
            )
        keys = {name: str(settings[name]) for name in _KEYS if settings.get(name)}
        missing = [name for name in _KEYS[:2] if keys and name not in keys]
        if missing:
            raise LabelingError(
                f"The Airflow connection {self.aws_conn_id} can't be used: service_config.{service} in its extra has "
                f"{' and '.join(keys)}, but no {' and no '.join(missing)}. Add what is missing, or remove it."
            )
        for name in _KEYS[1:]:
            if name in keys:
                mask_secret(keys[name])
        return keys

    @cached_property
    def conn(self) -> Any:
        """The current boto3 SageMaker client."""
        return self.sagemaker.now

    def test_connection(self) -> tuple[bool, str]:
        """Test the connection by listing one labeling job.

        :return: whether that succeeded, and a message for the user.
        """
        try:
            self.sagemaker.list_labeling_jobs(MaxResults=1)
        except (BotoCoreError, ClientError) as error:
            return False, f"{type(error).__name__}: {error}{remedy(error)}"
        except LabelingError as error:
            return False, str(error)
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
        """A boto3 client of another service with the same connection. It is created again after credentials failed.

        :param service: the service's name, such as ``sqs``.
        :param prepare: called with the client each time it is created.
        :param settings: botocore configuration on top of the connection's.
        """
        return self.ground_truth.client(service, prepare, **settings)

    # Labeling jobs

    def find_job(self, name: str) -> dict[str, Any] | None:
        """The response of DescribeLabelingJob; None if there is no such job.

        :raises LabelingError: if the service refuses or does not answer.
        """
        job = self.ground_truth.find_job(name)
        return None if job is None else dict(job.members)

    def create_job(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Create a labeling job, or return an existing one with its name, because a response may have been lost.

        :param request: arguments of ``create_labeling_job``.
        :return: the response of DescribeLabelingJob. The caller must check its tags for the owner.
        :raises LabelingError: if the job could not be created.
        """
        return dict(self.ground_truth.create_job(request).members)

    def stop_job(self, name: str, killed_try: int | None = None) -> bool:
        """Stop a labeling job, unless it has ended.

        :param killed_try: number of the Airflow task's try that a user has killed. It is stored in the job's tags, so
            that a later try may start another job.
        :return: whether it was still running.
        :raises LabelingError: if there is no such job, or it can't be stopped.
        """
        return self.ground_truth.stop_job(name, killed_tags(killed_try))

    def has_model(self, arn: str) -> bool:
        """Whether a model exists. Assumed to exist without the permission ``sagemaker:DescribeModel``.

        :raises LabelingError: if the service does not answer.
        """
        return self.ground_truth.has_model(arn)

    # Labels

    def labels(self, result: Mapping[str, Any]) -> Iterator[tuple[str, Any]]:
        """The labels of a task, object by object, in constant memory.

        :param result: what ``@task.label``, ``CreateLabelingJobOperator`` or ``LabelingJobSensor`` returned.
        :return: pairs of an object, as its text or S3 URI, and its label: see
            :attr:`labeling_provider.manifest.Label.plain`; None for an object without a label.
        :raises ManifestError: if the output manifest can't be read.
        """
        if not result.keys() >= _RESULT:
            return iter(result.items())
        from labeling_provider.manifest import Manifests

        uri = result["output_manifest_uri"]
        return Manifests(self.ground_truth.objects).labels(uri, result["label_attribute_name"]) if uri else iter(())

    # S3 objects

    def read_lines(self, uri: str) -> Iterator[bytes]:
        """Stream the lines of an S3 object, each with its line break.

        :raises LabelingError: if it can't be read.
        """
        return self.ground_truth.objects.read_lines(uri)

    def read_chunks(self, uri: str) -> Iterator[bytes]:
        """Read an S3 object in chunks, resuming where a connection breaks.

        :raises LabelingError: if it can't be read.
        """
        return self.ground_truth.objects.read_chunks(uri)

    def read_object(self, uri: str, limit: int) -> bytes:
        """Read a whole S3 object.

        :param limit: the largest size to accept, in bytes.
        :raises LabelingError: if it can't be read or is larger.
        """
        return self.ground_truth.objects.read(uri, limit)

    def write_text(self, uri: str, text: str) -> None:
        """Write a small text to S3, in UTF-8.

        :raises LabelingError: if it can't be written.
        """
        self.ground_truth.objects.write_text(uri, text)

    def writer(self, uri: str) -> AbstractContextManager[Upload]:
        """Write an S3 object piece by piece, in constant memory.

        It appears at the end of the ``with`` block, complete, or not at all after an exception.

        :raises LabelingError: if it can't be written.
        """
        return self.ground_truth.objects.writer(uri)
