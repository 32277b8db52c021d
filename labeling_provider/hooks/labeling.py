"""The hook: everything that leaves this process for AWS goes through here.

So retries, region, endpoint and credentials have one home: the Airflow connection.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from datetime import datetime
from functools import cached_property
from mimetypes import guess_type
from typing import Any, Final, TypeVar

from airflow.providers.amazon.aws.hooks.base_aws import AwsBaseHook
from airflow.providers.amazon.aws.utils.connection_wrapper import AwsConnectionWrapper
from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, IncompleteReadError
from botocore.utils import parse_timestamp

from labeling_provider.client.renewal import Renewal, RenewedClient
from labeling_provider.client.retries import Patience, is_missing, is_name_taken, is_refused, is_transient, persist
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.job import JobState
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.jobs.ownership import KILLED_TRY_TAG
from labeling_provider.manifest import split_lines

T = TypeVar("T")

_CHUNK: Final = 1 << 16
_PART: Final = 8 << 20
_PAUSE: Final = 0.5
_OF_CONNECTION: Final = ("conn_config", "conn", "_client", "conn_client_meta", "conn_region_name", "conn_partition")


class LabelingHook(AwsBaseHook):
    """Talks to SageMaker Ground Truth, or to a local Ground Truth service, and to the S3 beside it.

    Which of them is chosen by the connection alone: ``endpoint_url`` in its extra field, or none for Amazon.

    :param aws_conn_id: the Airflow connection; None for boto3's own way to find credentials.
    :param region_name: the region, if it is not the connection's.
    :param verify: whether to check TLS certificates, or the path of a CA bundle.
    :param config: botocore configuration.
    :param outage: seconds without any answer after which to give up, on top of botocore's own retries.
    :param ask: calls what asks Airflow for the connection, and returns what that returns.
    """

    def __init__(
        self,
        *args: Any,
        outage: float = 900,
        ask: Callable[[Callable[[], AwsConnectionWrapper]], AwsConnectionWrapper] = lambda question: question(),
        **kwargs: Any,
    ) -> None:
        super().__init__(*args, **{**kwargs, "client_type": "sagemaker"})
        self.outage = outage
        self._ask = ask
        self._renewal = Renewal(self._forget)
        self._was_found = False

    @cached_property
    def conn_config(self) -> AwsConnectionWrapper:
        """The Airflow connection.

        :raises OSError: if it was there before and can't be read now.
        """
        found = self._ask(lambda: super(LabelingHook, self).conn_config)
        # Airflow tells a connection that is not defined and one that can't be read just now in the same way.
        if self._was_found and not found:
            self._forget()
            raise OSError(f"the Airflow connection {self.aws_conn_id} can't be read now")
        self._was_found = bool(found)
        return found

    def _forget(self) -> None:
        for name in _OF_CONNECTION:
            self.__dict__.pop(name, None)

    @cached_property
    def conn(self) -> Any:
        """The boto3 SageMaker client that is in use at this moment."""
        return self.sagemaker.now

    @cached_property
    def sagemaker(self) -> Any:
        """The boto3 SageMaker client."""
        return RenewedClient(self._renewal, lambda: _wary(self.get_client_type(region_name=self.region_name)))

    @cached_property
    def s3(self) -> Any:
        """A boto3 S3 client of the same connection."""
        return self.client("s3")

    def client(self, service: str, prepare: Callable[[Any], None] = lambda client: None, **settings: Any) -> Any:
        """A boto3 client of another service by the same connection, such as ``sqs``.

        It is made anew when credentials have failed.

        :param prepare: called with the client whenever it was made.
        :param settings: botocore configuration on top of the connection's.
        """

        def make() -> Any:
            client = self._new_client(service, settings)
            prepare(client)
            return client

        return RenewedClient(self._renewal, make)

    def _new_client(self, service: str, settings: dict[str, Any]) -> Any:
        config = (self.config or Config()).merge(Config(**settings)) if settings else self.config
        session = self.get_session(region_name=self.region_name)
        parsers = session._session.get_component("response_parser_factory")
        parsers.set_parser_defaults(timestamp_parser=_read_time)
        client = session.client(
            service,
            endpoint_url=self.conn_config.get_service_endpoint_url(service),
            config=config,
            verify=self.verify,
        )
        return _wary(client)

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

        :raises LabelingError: if the service does not say.
        """
        what = f"Looking for labeling job {name}"
        try:
            description: dict[str, Any] = self._persist(
                lambda: self.sagemaker.describe_labeling_job(LabelingJobName=name), what
            )
        except (BotoCoreError, ClientError) as error:
            if is_missing(error):
                return None
            raise LabelingError(f"{what}: {error}") from error
        return description

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

    def create_job(self, request: Mapping[str, Any]) -> dict[str, Any]:
        """Create a labeling job, or find the one of this name that exists: an answer may have been lost on its way.

        :param request: arguments of ``create_labeling_job``.
        :return: the answer of DescribeLabelingJob. The caller sees by its tags whose job it is.
        :raises LabelingError: if there is no job in the end.
        """
        name = request["LabelingJobName"]

        def attempt() -> dict[str, Any] | None:
            try:
                self.sagemaker.create_labeling_job(**request)
            except (BotoCoreError, ClientError, OSError) as error:
                if not (is_transient(error) or is_name_taken(error)):
                    raise
                if (found := self.find_job(name)) is not None:
                    return found
                raise
            return self.find_job(name)

        try:
            description = self._persist(attempt, f"Creating labeling job {name}")
        except (BotoCoreError, ClientError) as error:
            raise LabelingError(f"Labeling job {name} was not created: {error}") from error
        if description is None:
            raise LabelingError(f"Labeling job {name} was created and is gone.")
        return description

    def stop_job(self, name: str, killed_try: int | None = None) -> bool:
        """Stop a job; one that has ended is left as it is.

        :param killed_try: the try of an Airflow task that a user has ended, to be noted on the job: a later try then
            knows that it was not stopped for good.
        :return: whether it was still running.
        :raises LabelingError: if there is no such job, or it can't be stopped.
        """
        description = self.find_job(name)
        if description is None:
            raise LabelingError(f"There is no labeling job named {name} in {self.conn_region_name}.")
        if JobState.of(description).has_ended:
            return False
        try:
            if killed_try is not None:
                tags = [{"Key": KILLED_TRY_TAG, "Value": str(killed_try)}]
                arn = description["LabelingJobArn"]
                self._persist(lambda: self.sagemaker.add_tags(ResourceArn=arn, Tags=tags), f"Tagging {name}")
        except ClientError as error:
            self.log.warning("It can't be noted on %s that a user has ended its task: %s", name, error)
        try:
            self._persist(lambda: self.sagemaker.stop_labeling_job(LabelingJobName=name), f"Stopping {name}")
        except (BotoCoreError, ClientError) as error:
            raise LabelingError(f"Labeling job {name} can't be stopped: {error}") from error
        return True

    def read_lines(self, uri: str) -> Iterator[bytes]:
        """The lines of an S3 object, streamed, each with its line break.

        :raises LabelingError: if it can't be read.
        """
        yield from split_lines(self.read_chunks(uri))

    def read_chunks(self, uri: str) -> Iterator[bytes]:
        """An S3 object in pieces; a connection that breaks is taken up again where it broke.

        :raises LabelingError: if it can't be read.
        """
        bucket, key = self._split(uri)
        patience = Patience(self.outage)
        offset, size = 0, -1
        same: dict[str, str] = {}
        while True:
            try:
                there = {"Range": f"bytes={offset}-"} if offset else {}
                answer = self.s3.get_object(Bucket=bucket, Key=key, **there, **same)
                same = {"IfMatch": answer["ETag"]}
                size = offset + answer["ContentLength"]
                for chunk in answer["Body"].iter_chunks(_CHUNK):
                    offset += len(chunk)
                    yield chunk
                    patience.answered()
                if offset >= size:
                    return
                raise OSError(f"only {offset:,} of {size:,} bytes have come")
            except (BotoCoreError, ClientError, OSError) as error:
                if not is_transient(error):
                    raise LabelingError(f"{uri} can't be read: {error}") from error
                if offset == size:
                    return
                pause = patience.pause(error, f"Reading {uri}", time.monotonic(), _PAUSE)
                self.log.warning("%s broke off after %s bytes, going on in %.1f s: %s", uri, offset, pause, error)
            time.sleep(pause)

    def read_object(self, uri: str, limit: int) -> bytes:
        """An S3 object.

        :param limit: most bytes that it may have.
        :raises LabelingError: if it can't be read or is larger.
        """
        body = bytearray()
        for chunk in self.read_chunks(uri):
            body += chunk
            if len(body) > limit:
                raise LabelingError(f"{uri} has more than {limit:,} bytes.")
        return bytes(body)

    def write_text(self, uri: str, text: str) -> None:
        """Store a small text in S3.

        :raises LabelingError: if it can't be written.
        """
        with self.writer(uri) as upload:
            upload.write(text.encode())

    @contextmanager
    def writer(self, uri: str) -> Iterator[Upload]:
        """Store an S3 object piece by piece, so that any size takes the same memory.

        It appears at the end of the ``with`` block, whole, or not at all if that ends by an exception.

        :raises LabelingError: if it can't be written.
        """
        upload = Upload(self.s3, *self._split(uri), self._persist)
        try:
            yield upload
            upload.finish()
        except BaseException:
            upload.abandon()
            raise

    def _persist(self, call: Callable[[], T], what: str) -> T:
        return persist(call, what, outage=self.outage, pause=_PAUSE)

    @staticmethod
    def _split(uri: str) -> tuple[str, str]:
        try:
            return split_s3_uri(uri)
        except ValueError as error:
            raise LabelingError(str(error)) from None


def _read_time(value: Any) -> datetime:
    """A time in an answer. botocore's own way takes four fifths of the time of reading a listing of S3."""
    if isinstance(value, str) and value.endswith("Z"):
        try:
            return datetime.fromisoformat(value)
        except ValueError:
            pass
    parsed: datetime = parse_timestamp(value)
    return parsed


def _wary(client: Any) -> Any:
    """A client that takes no half answers: botocore reads a body that broke off as an answer without fields."""
    client.meta.events.register("after-call", _refuse_half_answer)
    return client


def _refuse_half_answer(http_response: Any, model: Any, **_: Any) -> None:
    length = http_response.headers.get("Content-Length")
    if length is None or model.has_streaming_output or model.http.get("method") == "HEAD":
        return
    if len(http_response.content) < int(length):
        raise IncompleteReadError(actual_bytes=len(http_response.content), expected_bytes=int(length))


class Upload:
    """An S3 object that is being written, in parts as soon as it is large.

    :param s3: a boto3 S3 client.
    :param persist: makes a call until it is answered.
    """

    def __init__(self, s3: Any, bucket: str, key: str, persist: Callable[[Callable[[], Any], str], Any]) -> None:
        self._s3, self._there, self._persist = s3, {"Bucket": bucket, "Key": key}, persist
        # Browsers show pictures and reports by it.
        self._type = guess_type(key)[0] or "binary/octet-stream"
        self._what = f"Writing s3://{bucket}/{key}"
        self._pending = bytearray()
        self._id: str | None = None
        self._parts: list[dict[str, Any]] = []

    def write(self, data: bytes) -> None:
        """Take some bytes.

        :raises LabelingError: if they can't be sent.
        """
        self._pending += data
        if len(self._pending) >= _PART:
            self._send_part()

    def finish(self) -> None:
        """Let the object appear.

        :raises LabelingError: if that can't be done.
        """
        if self._id is None:
            self._call("put_object", Body=bytes(self._pending), ContentType=self._type)
            return
        if self._pending:
            self._send_part()
        self._call("complete_multipart_upload", UploadId=self._id, MultipartUpload={"Parts": self._parts})

    def abandon(self) -> None:
        """Leave nothing behind."""
        if self._id is not None:
            with suppress(BotoCoreError, ClientError):
                self._s3.abort_multipart_upload(**self._there, UploadId=self._id)

    def _send_part(self) -> None:
        if self._id is None:
            self._id = str(self._call("create_multipart_upload", ContentType=self._type)["UploadId"])
        number = len(self._parts) + 1
        answer = self._call("upload_part", UploadId=self._id, PartNumber=number, Body=bytes(self._pending))
        self._parts.append({"PartNumber": number, "ETag": answer["ETag"]})
        self._pending.clear()

    def _call(self, operation: str, **arguments: Any) -> Any:
        call = getattr(self._s3, operation)
        try:
            return self._persist(lambda: call(**self._there, **arguments), self._what)
        except (BotoCoreError, ClientError) as error:
            raise LabelingError(f"{self._what}: {error}") from error
