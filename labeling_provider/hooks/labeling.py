"""The hook: everything that leaves this process for AWS goes through here.

So retries, region, endpoint and credentials have one home: the Airflow connection.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property
from typing import Any

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.errors import LabelingError
from labeling_provider.jobs import JobState
from labeling_provider.manifest import split_lines
from labeling_provider.request.facts import split_s3_uri
from labeling_provider.waiting import is_missing


class LabelingHook(AwsBaseHook):
    """Talks to SageMaker Ground Truth, or to a local Ground Truth service, and to the S3 beside it.

    Which of them is chosen by the connection alone: ``endpoint_url`` in its extra field, or none for Amazon.

    :param aws_conn_id: the Airflow connection; None for boto3's own way to find credentials.
    :param region_name: the region, if it is not the connection's.
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    :param config: botocore configuration.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **{**kwargs, "client_type": "sagemaker"})

    @property
    def sagemaker(self) -> Any:
        """The boto3 SageMaker client."""
        return self.conn

    @cached_property
    def s3(self) -> Any:
        """A boto3 S3 client of the same connection."""
        return self.get_session(region_name=self.region_name).client(
            "s3",
            endpoint_url=self.conn_config.get_service_endpoint_url("s3"),
            config=self.config,
            verify=self.verify,
        )

    def test_connection(self) -> tuple[bool, str]:
        """Ask for one labeling job.

        :return: whether an answer came, and what to tell the user.
        """
        try:
            self.sagemaker.list_labeling_jobs(MaxResults=1)
        except (BotoCoreError, ClientError) as error:
            return False, f"{type(error).__name__}: {error}"
        return True, f"Labeling jobs can be listed at {self.conn_client_meta.endpoint_url}"

    def find_job(self, name: str) -> dict[str, Any] | None:
        """The answer of DescribeLabelingJob; None if there is no such job.

        :raises botocore.exceptions.ClientError: for any other error.
        """
        try:
            description: dict[str, Any] = self.sagemaker.describe_labeling_job(LabelingJobName=name)
        except ClientError as error:
            if is_missing(error):
                return None
            raise
        return description

    def stop_job(self, name: str) -> bool:
        """Stop a job; one that has ended is left as it is.

        :return: whether it was still running.
        :raises LabelingError: if there is no such job.
        """
        description = self.find_job(name)
        if description is None:
            raise LabelingError(f"There is no labeling job named {name} in {self.conn_region_name}.")
        if JobState.of(description).has_ended:
            return False
        self.sagemaker.stop_labeling_job(LabelingJobName=name)
        return True

    def read_lines(self, uri: str) -> Iterator[bytes]:
        """The lines of an S3 object, streamed, each with its line break.

        :raises LabelingError: if it can't be read.
        """
        bucket, key = self._split(uri)
        try:
            body = self.s3.get_object(Bucket=bucket, Key=key)["Body"]
        except ClientError as error:
            raise LabelingError(f"{uri} can't be read: {error}") from error
        yield from split_lines(body.iter_chunks(1 << 16))

    def read_object(self, uri: str, limit: int) -> bytes:
        """An S3 object.

        :param limit: most bytes that it may have.
        :raises LabelingError: if it can't be read or is larger.
        """
        bucket, key = self._split(uri)
        try:
            body: bytes = self.s3.get_object(Bucket=bucket, Key=key)["Body"].read(limit + 1)
        except ClientError as error:
            raise LabelingError(f"{uri} can't be read: {error}") from error
        if len(body) > limit:
            raise LabelingError(f"{uri} has more than {limit:,} bytes.")
        return body

    def write_text(self, uri: str, text: str) -> None:
        """Store a small text in S3.

        :raises LabelingError: if it can't be written.
        """
        bucket, key = self._split(uri)
        try:
            self.s3.put_object(Bucket=bucket, Key=key, Body=text.encode())
        except ClientError as error:
            raise LabelingError(f"{uri} can't be written: {error}") from error

    @staticmethod
    def _split(uri: str) -> tuple[str, str]:
        try:
            return split_s3_uri(uri)
        except ValueError as error:
            raise LabelingError(str(error)) from None
