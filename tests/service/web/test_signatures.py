"""With credentials set: what is not signed does not count, whatever it is and however the rest is signed."""

from __future__ import annotations

import base64
import gzip
import hashlib
import http.client
import re
import zlib
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, NamedTuple
from urllib.parse import urlsplit

import boto3
import pytest
from botocore.auth import S3SigV4Auth, S3SigV4QueryAuth, SigV4Auth, SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials as Keys

from dev.processes import cpu_seconds
from dev.stack import Service
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.requests import RequestHead
from labeling_provider.service.web.signatures import EMPTY_HASH, ChunkSignatures, Credentials, Signature

KEYS = Keys("AKIDLOCAL", "very secret")
ENVIRONMENT = {"LABELING_LOCAL_ACCESS_KEY_ID": KEYS.access_key, "LABELING_LOCAL_SECRET_ACCESS_KEY": KEYS.secret_key}
FORM = "application/x-www-form-urlencoded"
JSON = "application/x-amz-json-1.1"


TOPIC = b"Action=CreateTopic&Name=here&Version=2010-03-31"


class Sent(NamedTuple):
    """A request as it goes over the wire."""

    method: str
    url: str
    headers: dict[str, str]
    body: bytes


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    service = Service(tmp_path_factory.mktemp("guarded"), env=ENVIRONMENT)
    s3 = client(service, "s3")
    s3.create_bucket(Bucket="open")
    s3.put_object(Bucket="open", Key="picture.png", Body=b"picture")
    s3.create_bucket(Bucket="secret")
    s3.put_object(Bucket="secret", Key="diary.txt", Body=b"dear diary")
    yield service
    service.stop()


def client(service: Service, name: str) -> Any:
    return boto3.client(
        name,
        endpoint_url=service.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=KEYS.access_key,
        aws_secret_access_key=KEYS.secret_key,
        config=Config(retries={"max_attempts": 0}, signature_version="s3v4" if name == "s3" else "v4"),
    )


def send(service: Service, sent: Sent, **more: str) -> tuple[int, bytes]:
    """Send a request as it is, with more headers that nobody has signed."""
    parts = urlsplit(service.endpoint_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        target = sent.url.removeprefix(service.endpoint_url)
        connection.putrequest(sent.method, target, skip_host="Host" in sent.headers, skip_accept_encoding=True)
        for name, value in {**sent.headers, **more}.items():
            connection.putheader(name, value)
        if "Content-Length" not in sent.headers:
            connection.putheader("Content-Length", str(len(sent.body)))
        connection.endheaders(sent.body)
        answer = connection.getresponse()
        return answer.status, answer.read()
    finally:
        connection.close()


def signed(
    service: Service, how: str, method: str, path: str, headers: dict[str, str] | None = None, body: bytes = b""
) -> Sent:
    """A request signed as boto3 does it.

    :param how: the service, and ``-url`` for a presigned URL, which says nothing of the body.
    """
    name, _, where = how.partition("-")
    request = AWSRequest(method, service.endpoint_url + path, headers=headers or {}, data=b"" if where else body)
    request.context["payload_signing_enabled"] = True
    if where:
        (S3SigV4QueryAuth if name == "s3" else SigV4QueryAuth)(KEYS, name, "us-east-1", 60).add_auth(request)
    else:
        (S3SigV4Auth if name == "s3" else SigV4Auth)(KEYS, name, "us-east-1").add_auth(request)
    prepared = request.prepare()
    sent = {str(name): str(value) for name, value in prepared.headers.items() if name != "Content-Length"}
    return Sent(method, prepared.url, sent, body)


REQUESTS: dict[str, Callable[[Service], Sent]] = {
    "get in headers": lambda service: signed(service, "s3", "GET", "/open/picture.png"),
    "put in headers": lambda service: signed(service, "s3", "PUT", "/open/new.png", body=b"new"),
    "get presigned": lambda service: signed(service, "s3-url", "GET", "/open/picture.png"),
    "read a page": lambda service: signed(service, "sagemaker", "GET", "/_labeling/workers"),
    "put presigned": lambda service: signed(service, "s3-url", "PUT", "/open/new.png", body=b"new"),
    "list queues": lambda service: signed(
        service,
        "sqs",
        "POST",
        "/",
        {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": "application/x-amz-json-1.0"},
        b"{}",
    ),
    "list topics": lambda service: signed(
        service, "sns", "POST", "/", {"Content-Type": FORM}, b"Action=ListTopics&Version=2010-03-31"
    ),
    "list jobs": lambda service: signed(
        service, "sagemaker", "POST", "/", {"X-Amz-Target": "SageMaker.ListLabelingJobs", "Content-Type": JSON}, b"{}"
    ),
    "who am I, presigned": lambda service: signed(
        service, "sts-url", "GET", "/?Action=GetCallerIdentity&Version=2011-06-15"
    ),
}
UNSIGNED_HEADERS = {
    "X-Amz-Copy-Source": "/secret/diary.txt",
    "x-amz-COPY-source": "/secret/diary.txt",
    "X-Amz-Target": "SageMaker.CreateWorkteam",
    "x-amz-target": "AmazonSQS.CreateQueue",
    "X-Amz-Acl": "public-read",
    "X-Amz-Tagging": "a=b",
    "X-Amz-Meta-Owner": "me",
    "X-Amz-Meta_Owner": "me",
    "X-Amz-Security-Token": "token",
    "X-Amz-Bypass-Governance-Retention": "true",
    "X-Amz-Mfa": "0 0",
    "X-Amz-Decoded-Content-Length": "3",
}


@pytest.mark.parametrize("request_name", REQUESTS)
def test_what_is_signed_is_let_in(guarded: Service, request_name: str) -> None:
    assert send(guarded, REQUESTS[request_name](guarded))[0] == 200


@pytest.mark.parametrize("header", UNSIGNED_HEADERS)
@pytest.mark.parametrize("request_name", REQUESTS)
def test_a_header_that_is_not_signed_is_refused_with_every_kind_of_signature(
    guarded: Service, request_name: str, header: str
) -> None:
    sent = REQUESTS[request_name](guarded)
    if header.lower() in {name.lower() for name in sent.headers}:
        sent = sent._replace(headers={name: value for name, value in sent.headers.items() if name != header})
    status, answer = send(guarded, sent, **{header: UNSIGNED_HEADERS[header]})
    assert status in {400, 403}, answer
    assert client(guarded, "sagemaker").list_workteams()["Workteams"][0]["WorkteamName"].startswith("private-")
    assert client(guarded, "s3").get_object(Bucket="open", Key="picture.png")["Body"].read() == b"picture"


@pytest.mark.parametrize("spelling", ["x_amz_target", "X_Amz_Copy_Source", "x-amz_target", "x-amz-target "])
def test_no_other_spelling_of_a_header_gets_past(guarded: Service, spelling: str) -> None:
    sent = REQUESTS["get presigned"](guarded)
    assert send(guarded, sent, **{spelling: "SageMaker.ListLabelingJobs"})[0] == 400


def test_a_header_that_comes_twice_is_refused(guarded: Service) -> None:
    sent = REQUESTS["list jobs"](guarded)
    for name in ("x-amz-target", "host", "authorization", "content-type", "content-length", "x-amz-date"):
        assert send(guarded, sent, **{name: "SageMaker.CreateWorkteam"})[0] in {400, 403}, name


@pytest.mark.parametrize("scoped", ["s3", "sqs", "sns", "iam", "sts", "events", "sagemaker", "ec2", "moto"])
@pytest.mark.parametrize(
    ("owner", "headers", "body"),
    [
        ("sagemaker", {"X-Amz-Target": "SageMaker.ListWorkteams", "Content-Type": JSON}, b"{}"),
        ("sqs", {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": JSON}, b"{}"),
        ("events", {"X-Amz-Target": "AWSEvents.ListRules", "Content-Type": JSON}, b"{}"),
        ("sns", {"Content-Type": FORM}, b"Action=ListTopics&Version=2010-03-31"),
        ("iam", {"Content-Type": FORM}, b"Action=ListRoles&Version=2010-05-08"),
        ("sts", {"Content-Type": FORM}, b"Action=GetCallerIdentity&Version=2011-06-15"),
    ],
)
def test_the_service_that_answers_is_the_one_that_was_signed_for(
    guarded: Service, scoped: str, owner: str, headers: dict[str, str], body: bytes
) -> None:
    status, answer = send(guarded, signed(guarded, scoped, "POST", "/", headers, body))
    assert (status == 200) == (scoped == owner), answer
    assert status < 500


@pytest.mark.parametrize("method", ["GET", "PUT", "DELETE", "HEAD"])
def test_an_operation_is_called_by_its_method(guarded: Service, method: str) -> None:
    headers = {"X-Amz-Target": "SageMaker.ListWorkteams", "Content-Type": JSON}
    assert send(guarded, signed(guarded, "sagemaker", method, "/", headers, b"{}"))[0] == 405


@pytest.mark.parametrize(
    ("how", "method", "change"),
    [
        ("sagemaker", "GET", {"url": "/_labeling/jobs/other"}),
        ("sagemaker", "GET", {"url": "/_labeling/workers?team=nobody"}),
        ("sagemaker", "GET", {"body": b"{}"}),
        ("sagemaker", "HEAD", {"method": "GET"}),
        ("sagemaker", "POST", {}),
        ("sagemaker-url", "GET", {}),
        ("s3", "GET", {}),
        ("s3-url", "GET", {}),
        ("sts", "GET", {}),
    ],
)
def test_pages_are_read_by_the_very_request_that_was_signed_and_not_changed(
    guarded: Service, how: str, method: str, change: dict[str, Any]
) -> None:
    sent = signed(guarded, how, method, "/_labeling/workers")
    changed = sent._replace(**change)
    if "url" in change:
        changed = changed._replace(url=guarded.endpoint_url + change["url"])
    assert send(guarded, changed)[0] in {401, 403}


def test_pages_are_not_read_with_other_keys(guarded: Service) -> None:
    sent = signed(guarded, "sagemaker", "GET", "/_labeling/workers")
    ours = sent.headers["Authorization"]
    wrong_digit = ours[:-1] + ("1" if ours.endswith("0") else "0")
    for other in (ours.replace("AKIDLOCAL", "AKIDOTHER"), wrong_digit):
        assert send(guarded, sent._replace(headers={**sent.headers, "Authorization": other}))[0] == 403


@pytest.mark.parametrize("method", ["PUT", "DELETE", "POST"])
def test_a_presigned_url_is_for_its_method(guarded: Service, method: str) -> None:
    assert send(guarded, REQUESTS["get presigned"](guarded)._replace(method=method, body=b"forged"))[0] == 403


@pytest.mark.parametrize("request_name", ["list queues", "list topics", "list jobs", "put in headers"])
def test_another_body_is_refused(guarded: Service, request_name: str) -> None:
    sent = REQUESTS[request_name](guarded)
    other = sent.body.replace(b"{}", b"[]").replace(b"List", b"Lisp").replace(b"new", b"old")
    assert other != sent.body
    assert send(guarded, sent._replace(body=other))[0] in {400, 403}


def test_a_presigned_request_brings_no_body_of_its_own(guarded: Service) -> None:
    sent = REQUESTS["who am I, presigned"](guarded)._replace(body=b"Action=CreateRole&Version=2010-05-08")
    assert send(guarded, sent, **{"Content-Type": FORM})[0] == 403


def test_only_s3_takes_a_body_that_is_not_signed(guarded: Service) -> None:
    headers = {"X-Amz-Target": "AmazonSQS.ListQueues", "X-Amz-Content-SHA256": "UNSIGNED-PAYLOAD"}
    assert send(guarded, signed(guarded, "sqs", "POST", "/", headers, b"{}"))[0] == 400


@pytest.mark.parametrize(
    "query",
    [
        "X-Amz-Signature=" + "0" * 64,
        "x-amz-signature=0",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Signature=",
        "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=a&X-Amz-Signature=" + "0" * 64,
    ],
)
def test_half_a_signature_is_none(guarded: Service, query: str) -> None:
    sent = Sent("GET", f"{guarded.endpoint_url}/open/picture.png?{query}", {}, b"")
    assert send(guarded, sent)[0] in {400, 403}


def test_two_signatures_are_refused(guarded: Service) -> None:
    sent = REQUESTS["get presigned"](guarded)
    assert send(guarded, sent, Authorization=REQUESTS["get in headers"](guarded).headers["Authorization"])[0] == 400


@pytest.mark.parametrize("name", ["X-Amz-Signature", "X-Amz-Expires", "X-Amz-SignedHeaders", "X-Amz-Credential"])
def test_a_parameter_of_the_signature_comes_once(guarded: Service, name: str) -> None:
    sent = REQUESTS["get presigned"](guarded)
    assert send(guarded, sent._replace(url=f"{sent.url}&{name}=0"))[0] in {400, 403}


# Chunks, as Amazon's Java and Go libraries send them


def chunked(service: Service, chunks: list[bytes], path: str = "/open/chunked.bin", trailer: bytes = b"") -> Sent:
    """A PUT whose chunks are signed one by one."""
    length = sum(map(len, chunks))
    word = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD" + ("-TRAILER" if trailer else "")
    headers = {"X-Amz-Decoded-Content-Length": str(length), "Content-Encoding": "aws-chunked"}
    if trailer:
        headers["X-Amz-Trailer"] = trailer.partition(b":")[0].decode()
    request = AWSRequest("PUT", service.endpoint_url + path, headers=headers, data=b"")
    sign = S3SigV4Auth(KEYS, "s3", "us-east-1")
    sign.payload = lambda _: word  # type: ignore[method-assign]
    sign.add_auth(request)
    value = request.headers["Authorization"].rpartition("Signature=")[2]
    scope = f"{request.context['timestamp'][:8]}/us-east-1/s3/aws4_request"
    body = b""
    for chunk in (*chunks, b""):
        lines = (request.context["timestamp"], scope, value, EMPTY_HASH, hashlib.sha256(chunk).hexdigest())
        value = sign.signature("\n".join(("AWS4-HMAC-SHA256-PAYLOAD", *lines)), request)
        body += f"{len(chunk):x};chunk-signature={value}\r\n".encode() + chunk
        body += b"\r\n" if chunk or not trailer else b""
    if trailer:
        lines = (request.context["timestamp"], scope, value, hashlib.sha256(trailer + b"\n").hexdigest())
        value = sign.signature("\n".join(("AWS4-HMAC-SHA256-TRAILER", *lines)), request)
        body += trailer + f"\r\nx-amz-trailer-signature:{value}\r\n\r\n".encode()
    prepared = request.prepare()
    sent = {str(name): str(value) for name, value in prepared.headers.items() if name != "Content-Length"}
    return Sent("PUT", prepared.url, sent, body)


@pytest.mark.parametrize("trailed", [False, True])
def test_signed_chunks_become_the_object(guarded: Service, trailed: bool) -> None:
    chunks = [b"a" * 70_000, b"\r\n0\r\n", b"end"]
    trailer = b"x-amz-checksum-crc32:" + base64.b64encode(zlib.crc32(b"".join(chunks)).to_bytes(4)) if trailed else b""
    status, answer = send(guarded, chunked(guarded, chunks, trailer=trailer))
    assert status == 200, answer
    stored = client(guarded, "s3").get_object(Bucket="open", Key="chunked.bin")
    assert stored["Body"].read() == b"".join(chunks)
    assert "aws-chunked" not in stored.get("ContentEncoding", "")


@pytest.mark.parametrize(
    "change",
    [
        lambda body: body.replace(b"honest", b"forged"),
        lambda body: body.replace(b"6;chunk", b"7;chunk"),
        lambda body: body.replace(b"6;chunk", b"-6;chunk"),
        lambda body: body.replace(b"6;chunk", b"ffffffffffff;chunk"),
        lambda body: body.replace(b"6;chunk", b" 6;chunk"),
        lambda body: body.replace(b"6;chunk", b"0;chunk"),
        lambda body: body.replace(b"chunk-signature", b"chunk-signatura"),
        lambda body: body[: len(body) // 2],
        lambda body: body[:-90],
        lambda body: body + b"more",
        lambda body: body.replace(b"\r\n", b"\n"),
        lambda body: b"honesthonest",
        lambda body: b"",
    ],
)
def test_changed_chunks_are_refused_and_nothing_is_kept(guarded: Service, change: Callable[[bytes], bytes]) -> None:
    sent = chunked(guarded, [b"honest", b"honest"], path="/open/never.bin")
    status, _ = send(guarded, sent._replace(body=change(sent.body)))
    assert status in {400, 403}
    assert send(guarded, signed(guarded, "s3", "HEAD", "/open/never.bin"))[0] == 404


@pytest.mark.parametrize("header", ["X-Amz-Copy-Source", "X-Amz-Target", "X-Amz-Acl"])
def test_headers_of_a_chunked_request_are_signed(guarded: Service, header: str) -> None:
    sent = chunked(guarded, [b"honest"])
    assert send(guarded, sent, **{header: UNSIGNED_HEADERS[header]})[0] == 403


def test_a_signature_covers_its_words_only() -> None:
    """What the parts say by themselves, without a server."""
    day = datetime.now(UTC).strftime("%Y%m%d")
    authorization = (
        f"AWS4-HMAC-SHA256 Credential=AKID/{day}/us-east-1/s3/aws4_request, SignedHeaders=host, Signature={'0' * 64}"
    )
    scope = {
        "method": "GET",
        "http_version": "1.1",
        "raw_path": b"/a/b",
        "query_string": b"",
        "headers": [
            (b"host", b"localhost"),
            (b"x-amz-date", f"{day}T000000Z".encode()),
            (b"x-amz-content-sha256", EMPTY_HASH.encode()),
            (b"authorization", authorization.encode()),
        ],
    }
    request = RequestHead.of(scope)
    signature = Signature.of(request)
    assert signature is not None
    now = datetime.strptime(signature.stamp, "%Y%m%dT%H%M%SZ").replace(tzinfo=UTC)
    with pytest.raises(ApiError, match="must be signed: x-amz-date"):
        signature.check_cover(request, now)
    signatures = ChunkSignatures(signature, Credentials("AKID", "secret"))
    with pytest.raises(ApiError, match="does not match its signature"):
        signatures.check_chunk("é", EMPTY_HASH)


# What a reviewer got past an earlier state


@pytest.mark.parametrize(
    ("service", "target", "body"),
    [
        ("sagemaker", "SageMaker.ListWorkteams", b"{}"),
        ("sqs", "AmazonSQS.ListQueues", b"{}"),
        ("iam", "", b"Action=ListRoles&Version=2010-05-08"),
    ],
)
@pytest.mark.parametrize(
    "word", ["STREAMING-UNSIGNED-PAYLOAD-TRAILER", "STREAMING-AWS4-HMAC-SHA256-PAYLOAD", "STREAMING-X"]
)
@pytest.mark.parametrize("where", ["", "-url"])
def test_chunks_do_not_stand_in_for_a_signature(
    guarded: Service, service: str, target: str, body: bytes, word: str, where: str
) -> None:
    headers = {
        "X-Amz-Content-SHA256": f"STREAMING-{word}",
        "X-Amz-Decoded-Content-Length": str(len(body)),
        "Content-Type": JSON if target else FORM,
        **({"X-Amz-Target": target} if target else {}),
    }
    sent = signed(guarded, service + where, "POST", "/", headers, b"")
    forged = re.sub("(Signature=)[0-9a-f]{64}", rf"\g<1>{'0' * 64}", sent.url)
    lines = {
        name: re.sub("(Signature=)[0-9a-f]{64}", rf"\g<1>{'0' * 64}", value) for name, value in sent.headers.items()
    }
    encoded = b"%x\r\n%s\r\n0\r\n\r\n" % (len(body), body)
    assert send(guarded, Sent("POST", forged, lines, encoded))[0] in {400, 403}
    assert send(guarded, sent._replace(body=encoded))[0] in {400, 403}


@pytest.mark.parametrize("action", ["PurgeQueue", "ReceiveMessage", "DeleteQueue", "SendMessage"])
@pytest.mark.parametrize(
    "content", [b"", b"Action=SendMessage&MessageBody=evil&Version=2012-11-05", b'{"MessageBody": "evil"}']
)
def test_a_question_of_a_browser_does_nothing(guarded: Service, action: str, content: bytes) -> None:
    sqs = client(guarded, "sqs")
    url = sqs.create_queue(QueueName="victim")["QueueUrl"]
    sqs.purge_queue(QueueUrl=url)
    sqs.send_message(QueueUrl=url, MessageBody="dear")
    path = f"{urlsplit(url).path}?Action={action}&Version=2012-11-05"
    for headers in ({}, {"Content-Type": FORM}, {"Content-Type": JSON}):
        status, answer = send(guarded, Sent("OPTIONS", guarded.endpoint_url + path, headers, content))
        assert status >= 400, answer
    assert [message["Body"] for message in sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]] == [
        "dear"
    ]


def test_a_refusal_before_the_body_leaves_no_connection_out_of_step(guarded: Service) -> None:
    parts = urlsplit(guarded.endpoint_url)
    connection = http.client.HTTPConnection(parts.hostname or "", parts.port, timeout=30)
    try:
        connection.putrequest("PUT", "/open/x")
        connection.putheader("Content-Length", "26")
        connection.putheader("Expect", "100-continue")
        connection.endheaders()
        answer = connection.getresponse()
        assert (answer.status, answer.headers["Connection"]) == (403, "close")
    finally:
        connection.close()


@pytest.mark.parametrize(
    "more",
    [
        {"User-Agent": "x region/eu-west-1"},
        {"x-moto-account-id": "999999999999"},
    ],
)
def test_nothing_beside_the_signature_says_where_to_look(guarded: Service, more: dict[str, str]) -> None:
    client(guarded, "sqs").create_queue(QueueName="here")
    sent = REQUESTS["list queues"](guarded)
    sent.headers.pop("User-Agent", None)
    status, answer = send(guarded, sent, **more)
    assert status == 200
    assert b"/123456789012/here" in answer
    for query, shown in (("", b":us-east-1:"), ("?x=.eu-west-1.amazonaws.com", b"not in the query")):
        elsewhere = signed(guarded, "sns", "POST", f"/{query}", {"Content-Type": FORM}, TOPIC)
        assert shown in send(guarded, elsewhere, **more)[1]
    account = send(guarded, REQUESTS["who am I, presigned"](guarded), **more)
    assert b"<Account>123456789012</Account>" in account[1]


@pytest.mark.parametrize("more", [{"Content-Encoding": "gzip"}, {"Content-Type": "multipart/form-data; boundary=x"}])
def test_a_packed_body_is_not_unpacked(guarded: Service, more: dict[str, str]) -> None:
    packed = gzip.compress(b"a" * (8 << 20))
    query = "/?Action=ListQueues&Version=2012-11-05"
    for sent in (signed(guarded, "sqs", "POST", query, body=packed), signed(guarded, "sqs", "POST", "/", body=packed)):
        status, answer = send(guarded, sent, **more)
        assert status in {400, 403}, answer


@pytest.mark.parametrize(
    ("path", "headers", "body"),
    [
        ("/?Action=ReceiveMessage", {"X-Amz-Target": "AmazonSQS.SendMessage", "Content-Type": JSON}, b"{}"),
        ("/?Version=2012-11-05", {"Content-Type": FORM}, b"Action=ListQueues&Version=2012-11-05"),
        ("/", {"X-Amz-Target": "AmazonSQS.ListQueues", "Content-Type": FORM}, b"Action=ListQueues&Version=2012-11-05"),
        ("/", {"Content-Type": FORM}, b"Action=ListQueues&Action=ReceiveMessage&Version=2012-11-05"),
        ("/?Action=ListQueues&Action=ReceiveMessage&Version=2012-11-05", {}, b""),
    ],
)
def test_an_operation_is_named_once(guarded: Service, path: str, headers: dict[str, str], body: bytes) -> None:
    assert send(guarded, signed(guarded, "sqs", "POST", path, headers, body))[0] == 400


@pytest.mark.parametrize("value", ["é", "à", "Å", "a  b", "\ta "])
def test_values_of_headers_are_signed_as_they_are(guarded: Service, value: str) -> None:
    raw = value.encode().decode("latin-1")
    sent = signed(guarded, "s3", "PUT", "/open/named", {"X-Amz-Meta-Name": value}, b"x")
    assert send(guarded, sent._replace(headers={**sent.headers, "X-Amz-Meta-Name": raw}))[0] == 200


@pytest.mark.parametrize("name", ["—.txt", "a\x00b", "a\r\nX-Evil: 1"])
def test_a_header_that_could_not_be_sent_is_the_callers_fault(guarded: Service, name: str) -> None:
    where = {"Bucket": "open", "Key": "picture.png", "ResponseContentDisposition": f'attachment; filename="{name}"'}
    url = client(guarded, "s3").generate_presigned_url("get_object", Params=where)
    status, answer = send(guarded, Sent("GET", url, {}, b""))
    assert status == 400, answer


def test_another_site_writes_only_by_a_url_that_the_owner_has_signed(guarded: Service) -> None:
    site = {"Origin": "https://app.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
    sent = signed(guarded, "s3-url", "PUT", "/open/upload.png", body=b"new")
    assert send(guarded, sent, **site)[0] == 200
    assert send(guarded, sent._replace(url=sent.url.replace("upload", "other")), **site)[0] == 403
    assert send(guarded, sent._replace(method="DELETE"), **site)[0] == 403


def test_no_address_takes_longer_than_its_length(guarded: Service) -> None:
    """In seconds of the service's processor, beside an address of the same length."""

    def taken(path: str) -> float:
        before = cpu_seconds(guarded.group.process.pid)
        send(guarded, Sent("OPTIONS", guarded.endpoint_url + path, {"Origin": "https://evil.example"}, b""))
        return cpu_seconds(guarded.group.process.pid) - before

    plain = taken("/b/" + "a" * 31_600)
    assert taken("/b/" + ".s3." * 7_900) < plain + 1
    assert taken("/b/x?" + ".s3." * 7_900) < plain + 1
