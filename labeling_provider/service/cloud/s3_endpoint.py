"""Objects in a real S3."""

from __future__ import annotations

import os
from collections.abc import Iterator
from concurrent.futures import FIRST_EXCEPTION, ThreadPoolExecutor, wait
from contextlib import closing, contextmanager
from datetime import datetime
from functools import cached_property
from http import HTTPStatus
from shutil import copyfileobj
from typing import IO, Any, Final
from urllib.parse import quote, urlencode, urlsplit

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.service.cloud.impatient import ImpatientObjects
from labeling_provider.service.cloud.object_store import NO_OBJECT, MissingObject, ObjectStore
from labeling_provider.service.failures import REFUSED_CREDENTIALS, is_outage

MAX_WRITES_AT_ONCE: Final = 32
"""How many objects are written at once, and how many connections are kept open."""

_MISSING: Final = frozenset({"404", "NoSuchKey", "NoSuchBucket"})
_UNTRUSTED: Final = "CERTIFICATE_VERIFY_FAILED"
"""How OpenSSL calls a certificate that it does not trust; other errors of TLS have other causes."""
_REFUSALS: Final = frozenset({HTTPStatus.UNAUTHORIZED, HTTPStatus.FORBIDDEN})
_IMPATIENCE: Final = {"connect_timeout": 2, "read_timeout": 4, "retries": {"total_max_attempts": 2}}
"""For people's pages. The second try is for a connection that was kept, and that S3 has ended meanwhile."""


class EndpointObjectStore(ObjectStore):
    """A real S3 endpoint. boto3 finds the credentials as usual.

    :param endpoint_url: its URL.
    :param region: its region.
    :param public_endpoint_url: its URL as browsers reach it, if that is another one.
    :param patience: further settings of botocore, such as timeouts.
    """

    def __init__(self, endpoint_url: str, region: str, public_endpoint_url: str | None = None, **patience: Any) -> None:
        import boto3
        from botocore.config import Config

        self._endpoint_url = endpoint_url
        self._region, self._public_endpoint_url = region, public_endpoint_url or endpoint_url
        self._credentials = boto3.Session().get_credentials()
        config = Config(max_pool_connections=MAX_WRITES_AT_ONCE, **patience)
        self._client = boto3.client("s3", endpoint_url=endpoint_url, region_name=region, config=config)
        self._client.meta.events.register("before-sign.s3.PutObject", _send_at_once)
        self._short = _ShortWrites(endpoint_url, region, self._credentials, config)
        # Shared by all writers, so that the load on the endpoint is limited, however many jobs there are.
        self._writers = ThreadPoolExecutor(MAX_WRITES_AT_ONCE, thread_name_prefix="labeling-s3")

    @cached_property
    def impatient(self) -> ObjectStore:
        own = EndpointObjectStore(self._endpoint_url, self._region, self._public_endpoint_url, **_IMPATIENCE)
        return ImpatientObjects(own, self._words_for)

    def check(self) -> None:
        """Ask whether this is an S3 that knows the credentials. What they may read there is not asked."""
        from botocore.exceptions import ClientError

        bucket, key = split_s3_uri(NO_OBJECT)
        try:
            # An answer to HEAD would not say what is wrong.
            with self._opened(bucket, key):
                pass
        except ClientError as error:
            code = error.response["Error"]["Code"]
            is_refused = error.response["ResponseMetadata"]["HTTPStatusCode"] in _REFUSALS and code != "AccessDenied"
            # Another server's page has a status and no code of S3's.
            if is_outage(error) or is_refused or code.isdecimal():
                raise

    def _words_for(self, error: BaseException) -> str:
        """An error of the client in words, without what only the log may say."""
        from botocore.exceptions import ClientError, CredentialRetrievalError, NoCredentialsError, SSLError

        parts = urlsplit(self._endpoint_url)
        # Not what may stand before the host's name.
        where = f"S3 at {parts.netloc.rpartition('@')[2]}"
        if isinstance(error, NoCredentialsError | CredentialRetrievalError):
            return f"there are no credentials for {where}"
        if isinstance(error, SSLError) and _UNTRUSTED in str(error):
            return f"{where} has a certificate that is not trusted; name the file of your authority in AWS_CA_BUNDLE"
        if not isinstance(error, ClientError):
            return f"{where} does not respond ({type(error).__name__})"
        code = error.response["Error"]["Code"]
        refuses = f"refuses the service's credentials ({code})"
        return f"{where} {refuses if code in REFUSED_CREDENTIALS else f'answers with {code}'}"

    def read(self, uri: str) -> bytes:
        return self._read(uri, None)

    def beginning(self, uri: str, max_bytes: int) -> bytes:
        return self._read(uri, max_bytes)

    def size(self, uri: str) -> int:
        bucket, key = split_s3_uri(uri)
        with _missing(uri):
            return int(self._client.head_object(Bucket=bucket, Key=key)["ContentLength"])

    def _read(self, uri: str, max_bytes: int | None) -> bytes:
        bucket, key = split_s3_uri(uri)
        with _missing(uri), self._opened(bucket, key) as stream:
            body: bytes = stream.read(max_bytes)
        return body

    def _opened(self, bucket: str, key: str) -> closing[Any]:
        # Used as a context manager, a body would be urllib3's stream, whose errors nobody expects.
        return closing(self._client.get_object(Bucket=bucket, Key=key)["Body"])

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        writes = [self._writers.submit(self._write, uri, *content) for uri, content in files.items()]
        try:
            done, _ = wait(writes, return_when=FIRST_EXCEPTION)
            for write in done:
                write.result()
        finally:
            # Wait for running writes even after an error: they must not finish after the caller's next write.
            wait([write for write in writes if not write.cancel()])

    def _write(self, uri: str, body: bytes, content_type: str) -> None:
        if not self._short.write(*split_s3_uri(uri), body, content_type):
            self._put(uri, body, content_type)

    def write_long(self, uri: str, body: IO[bytes], content_type: str) -> None:
        self._writers.submit(self._put, uri, body, content_type).result()

    def _put(self, uri: str, body: bytes | IO[bytes], content_type: str) -> None:
        bucket, key = split_s3_uri(uri)
        with _missing(uri):
            self._client.put_object(Bucket=bucket, Key=key, Body=body, ContentType=content_type)

    def copy_to(self, uri: str, file: IO[bytes]) -> None:
        bucket, key = split_s3_uri(uri)
        with _missing(uri), self._opened(bucket, key) as stream:
            copyfileobj(stream, file)

    def delete_below(self, prefix: str) -> int:
        bucket, begin = split_s3_uri(prefix)
        count = 0
        with _missing(prefix):
            for page in self._client.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=begin):
                keys = [{"Key": content["Key"]} for content in page.get("Contents", [])]
                if keys:
                    self._client.delete_objects(Bucket=bucket, Delete={"Objects": keys, "Quiet": True})
                    count += len(keys)
        return count

    def link(self, bucket: str, key: str, signed_at: datetime, seconds: int) -> str:
        from botocore.auth import S3SigV4QueryAuth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import NoCredentialsError

        if self._credentials is None:
            raise NoCredentialsError
        keys = self._credentials.get_frozen_credentials()
        # botocore's presigned URLs start now, so they differ each time.
        signer = S3SigV4QueryAuth(keys, "s3", self._region)
        request = AWSRequest("GET", _address(self._public_endpoint_url, bucket, key))
        request.context["timestamp"] = signed_at.strftime("%Y%m%dT%H%M%SZ")
        parameters = {
            "X-Amz-Algorithm": "AWS4-HMAC-SHA256",
            "X-Amz-Credential": signer.scope(request),
            "X-Amz-Date": request.context["timestamp"],
            "X-Amz-Expires": str(min(seconds, Quota.LINK_SECONDS)),
            "X-Amz-SignedHeaders": "host",
            **({"X-Amz-Security-Token": keys.token} if keys.token else {}),
        }
        request.url += f"?{urlencode(parameters, quote_via=quote, safe='~')}"
        value = signer.signature(signer.string_to_sign(request, signer.canonical_request(request)), request)
        return f"{request.url}&X-Amz-Signature={value}"

    def version(self, uri: str) -> str | None:
        bucket, key = split_s3_uri(uri)
        try:
            with _missing(uri):
                return str(self._client.head_object(Bucket=bucket, Key=key)["ETag"])
        except MissingObject:
            return None


class _ShortWrites:
    """Writes objects with botocore's signatures and connections alone: a client takes several times as long for each.

    :param endpoint_url: an S3 server's, which has buckets in its paths.
    """

    def __init__(self, endpoint_url: str, region: str, credentials: Any, config: Any) -> None:
        from botocore.httpsession import URLLib3Session
        from botocore.utils import get_environ_proxies

        self._endpoint_url, self._region, self._credentials = endpoint_url, region, credentials
        self._session = URLLib3Session(
            verify=os.environ.get("AWS_CA_BUNDLE") or True,
            proxies=get_environ_proxies(endpoint_url),
            max_pool_connections=config.max_pool_connections,
        )

    def write(self, bucket: str, key: str, body: bytes, content_type: str) -> bool:
        """Write an object.

        :return: whether the server has said that it is written; if not, a client has to try, and to say why not.
        """
        from botocore.auth import S3SigV4Auth
        from botocore.awsrequest import AWSRequest
        from botocore.exceptions import HTTPClientError

        if self._credentials is None:
            return False
        headers = {"Content-Type": content_type, "Content-Length": str(len(body))}
        request = AWSRequest("PUT", _address(self._endpoint_url, bucket, key), headers, body)
        S3SigV4Auth(self._credentials.get_frozen_credentials(), "s3", self._region).add_auth(request)
        try:
            return bool(self._session.send(request.prepare()).status_code == HTTPStatus.OK)
        except HTTPClientError:
            return False


def _address(endpoint_url: str, bucket: str, key: str) -> str:
    """The URL of an object."""
    return f"{endpoint_url.rstrip('/')}/{bucket}/{quote(key, safe='/~')}"


@contextmanager
def _missing(uri: str) -> Iterator[None]:
    """Turn the client's errors for a missing object or bucket into MissingObject."""
    from botocore.exceptions import ClientError

    try:
        yield
    except ClientError as error:
        if error.response["Error"]["Code"] in _MISSING:
            raise MissingObject(uri) from None
        raise


def _send_at_once(request: Any, **_: Any) -> None:
    """Send head and body together. Waiting for "100 Continue" would cost a round trip per object."""
    del request.headers["Expect"]
