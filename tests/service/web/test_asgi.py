"""What the endpoint answers where a request is odd: always something that the caller can act on."""

from __future__ import annotations

import base64
import json
import logging
import sys
from collections.abc import Callable, Iterator
from io import StringIO
from pathlib import Path
from typing import Any, cast
from unittest.mock import AsyncMock, MagicMock

import pytest
from botocore.config import Config
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from starlette.responses import PlainTextResponse

from labeling_provider.service.cloud.object_store import ObjectsAway
from labeling_provider.service.log_format import set_up_log
from labeling_provider.service.web.asgi import Application
from labeling_provider.service.web.entrance import Entrance
from labeling_provider.service.web.request_threads import RequestThreads
from labeling_provider.service.web.requests import MAX_LOGGED_PATH
from labeling_provider.service.web.signatures import Credentials
from tests.conftest import Lab
from tests.service.inside import Inside
from tests.service.web.wire import ask, ask_inside


def call(lab: Lab, operation: str, body: Any) -> tuple[int, dict[str, Any]]:
    """Send an operation of SageMaker with a body that no client would let through."""
    content = body if isinstance(body, bytes) else json.dumps(body).encode()
    headers = {"X-Amz-Target": f"SageMaker.{operation}", "Content-Type": "application/x-amz-json-1.1"}
    status, answer, _ = ask(lab.service, "POST", "/", headers, content)
    return status, json.loads(answer)


def token(value: Any) -> str:
    return base64.urlsafe_b64encode(json.dumps(value).encode()).decode()


@pytest.mark.parametrize("nothing", ["MaxResults", "NextToken", "NameContains", "CreationTimeAfter", "SortBy"])
def test_a_member_that_is_null_is_not_there(lab: Lab, nothing: str) -> None:
    assert call(lab, "ListLabelingJobs", {nothing: None})[0] == 200


def test_a_client_is_told_to_try_again_while_the_object_store_is_away(tmp_path: Path) -> None:
    class Operations:
        def answer(self, *_: Any) -> bytes:
            raise ObjectsAway("there are no credentials for S3 at a secret place")

    inside = Inside(tmp_path)
    inside.service._operations = cast(Any, Operations())
    try:
        headers = {"X-Amz-Target": "SageMaker.RenderUiTemplate", "Content-Type": "application/x-amz-json-1.1"}
        status, _, body = inside.send("POST", "http://localhost/", headers, b"{}")
        answer = json.loads(body)
        assert (status, answer["__type"]) == (503, "ServiceUnavailable")
        assert answer["message"] == "The service's object store does not answer. Try again."
    finally:
        inside.stop()


@pytest.fixture
def json_log(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[], list[dict[str, Any]]]]:
    """Reads the lines of a JSON log since the last time."""
    written = StringIO()
    monkeypatch.setattr(logging.getLogger(), "handlers", [])
    monkeypatch.setattr(sys, "stderr", written)

    def read() -> list[dict[str, Any]]:
        lines = written.getvalue().splitlines()
        written.seek(written.truncate(0))
        return [json.loads(line) for line in lines]

    set_up_log("WARNING", as_json=True)
    yield read
    logging.getLogger("labeling_provider.service.requests").setLevel(logging.NOTSET)


def test_the_json_log_has_a_line_for_each_request_without_secrets(
    json_log: Callable[[], list[dict[str, Any]]],
) -> None:
    page, monitoring = PlainTextResponse("a page"), MagicMock(answer=AsyncMock(return_value=PlainTextResponse("ok")))
    nothing: Any = None
    threads = RequestThreads()
    entrance = Entrance(threads, monitoring, Credentials("owner", "hidden"))
    named = {"s3_endpoint": None, "region": "us-east-1"}
    service = Application(entrance, threads, nothing, page, page, nothing, monitoring, **named)

    def answer(path: str, **headers: str) -> list[dict[str, Any]]:
        ask_inside(service, "GET", path, **headers)
        return json_log()

    signed = {"authorization": "Basic " + base64.b64encode(b"owner:hidden").decode()}
    (line,) = answer("/_labeling/jobs/a%20b?object=hidden", **signed)
    assert (line["message"], line["level"], line["requester"]) == ("request", "INFO", "administrator")
    assert (line["method"], line["path"], line["status"]) == ("GET", "/_labeling/jobs/a%20b", 200)
    assert 0 <= line["milliseconds"] < 10_000
    assert line["request_id"]
    assert answer("/healthz") == answer("/metrics", **signed) == []
    (line,) = answer("/_labeling/", authorization="Basic " + base64.b64encode(b"owner:wrong").decode())
    assert (line["status"], "requester" in line) == (401, False)
    for path in ("/portal/invitations/hidden", "/portal//invitations%2Fhidden", "/portal/static/template/a/hidden"):
        (line,) = answer(path)
        assert (line["path"].endswith("/…"), line["status"], "requester" in line) == (True, 200, False)
        assert "hidden" not in str(line)
    assert answer("http://owner:hidden@localhost/portal/help?hidden")[0]["path"] == "/portal/help"
    assert len(answer("/portal/" + 5_000 * "x")[0]["path"]) == MAX_LOGGED_PATH
    for level, as_json in (("ERROR", True), ("DEBUG", False)):
        set_up_log(level, as_json=as_json)
        assert answer("/portal/help") == []


def test_nulls_deep_in_a_request_are_not_there(lab: Lab) -> None:
    request = lab.request([{"source": "a", "truth": "cat"}])
    request["HumanTaskConfig"]["TaskKeywords"] = None
    request["OutputConfig"]["KmsKeyId"] = None
    assert call(lab, "CreateLabelingJob", request)[0] == 200
    assert lab.wait(request["LabelingJobName"])["LabelingJobStatus"] == "Completed"


@pytest.mark.parametrize(
    "time", ["yesterday", "", [], {}, True, 1e300, -1e300, 10**400, "2024-01-01T00:00:00Z", "1" * 5000]
)
@pytest.mark.parametrize("name", ["CreationTimeAfter", "LastModifiedTimeBefore"])
def test_an_odd_time_is_the_callers_fault(lab: Lab, name: str, time: Any) -> None:
    status, answer = call(lab, "ListLabelingJobs", {name: time})
    assert status == 400
    assert answer["__type"] in {"ValidationException", "SerializationException"}


@pytest.mark.parametrize(
    "odd",
    [
        "nonsense",
        "=",
        "é",
        token([]),
        token([1]),
        token([1, 2, 3]),
        token({"a": 1}),
        token([None, None]),
        token(["a", "b"]),
        token([1.5, "a"]),
        token([True, True]),
        token([1e308, 1 << 70]),
        token("\ud800"),
        base64.urlsafe_b64encode(b"[1e999, 1]").decode(),
        base64.urlsafe_b64encode(b"[" * 6000).decode(),
        base64.urlsafe_b64encode(b"[" + b"9" * 5000 + b", 1]").decode(),
    ],
)
@pytest.mark.parametrize("order", ["CreationTime", "Name"])
def test_an_odd_token_is_the_callers_fault(lab: Lab, order: str, odd: str) -> None:
    status, answer = call(lab, "ListLabelingJobs", {"NextToken": odd, "SortBy": order})
    assert (status, answer["__type"]) == (400, "ValidationException")


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"null",
        b"[]",
        b"1",
        b"{",
        b"\xff",
        b'{"NameContains": "\\ud800"}',
        b'{"MaxResults": NaN}',
        b'{"MaxResults": Infinity}',
        b'{"MaxResults": 1e999}',
        b'{"MaxResults": ' + b"9" * 5000 + b"}",
        b'{"a": ' * 5000 + b"1" + b"}" * 5000,
    ],
)
def test_a_body_that_is_no_json_object_is_the_callers_fault(lab: Lab, body: bytes) -> None:
    assert call(lab, "ListLabelingJobs", body)[0] == (400 if body else 200)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
    max_leaves=6,
)
MEMBERS = st.sampled_from(
    [
        "LabelingJobName",
        "NextToken",
        "MaxResults",
        "SortBy",
        "WorkteamArn",
        "ResourceArn",
        "TagKeys",
        "Tags",
        "Description",
    ]
)
OPERATIONS = st.sampled_from(
    [
        *(
            "DescribeLabelingJob",
            "ListLabelingJobs",
            "ListLabelingJobsForWorkteam",
            "StopLabelingJob",
            "CreateWorkteam",
        ),
        *("ListWorkteams", "UpdateWorkteam", "AddTags", "ListTags", "DeleteTags", "DescribeModel", "CreateLabelingJob"),
    ]
)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(OPERATIONS, st.dictionaries(MEMBERS | st.text(max_size=8), JSON, max_size=4))
def test_no_request_is_answered_by_a_failure_of_ours(lab: Lab, operation: str, body: dict[str, Any]) -> None:
    assert call(lab, operation, body)[0] < 500


SUBRESOURCES = st.sampled_from(
    [
        *("acl", "policy", "cors", "lifecycle", "tagging", "versioning", "notification", "encryption", "uploads", ""),
        *("uploadId=x", "partNumber=1&uploadId=x", "list-type=2&max-keys=x", "list-type=2&continuation-token=%ff"),
        *("max-keys=-1", "versions&key-marker=a", "versionId=x", "delete", "restore", "select", "retention", "torrent"),
    ]
)
BODIES = st.sampled_from(
    [b"", b"<", b"<a/>", b"{}", b"\xff\xfe", b"x" * 3000, b"<!DOCTYPE a [<!ENTITY b 'c'>]><a>&b;</a>"]
)
ODD_HEADERS = st.dictionaries(
    st.sampled_from(
        ["Range", "If-Match", "x-amz-copy-source", "x-amz-acl", "x-amz-tagging", "Content-MD5", "Authorization"]
    ),
    st.sampled_from(["x", "bytes=5-1", "/nowhere/x", "===&", "AWS x:y", "AWS4-HMAC-SHA256 x"]),
    max_size=2,
)


@settings(max_examples=100, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.sampled_from(["GET", "PUT", "POST", "DELETE", "HEAD"]),
    st.sampled_from(["/odd-bucket", "/odd-bucket/key", "/no-such-bucket/key", "/"]),
    SUBRESOURCES,
    ODD_HEADERS,
    BODIES,
)
def test_no_request_to_s3_is_answered_by_a_failure_of_ours(
    lab: Lab, method: str, path: str, sub: str, headers: dict[str, str], body: bytes
) -> None:
    assert ask(lab.service, method, f"{path}?{sub}", headers, body)[0] < 500


def test_what_is_not_offered_is_refused_without_a_traceback(lab: Lab) -> None:
    iam = lab.service.client("iam")
    before = lab.service.group.log.stat().st_size
    with pytest.raises(iam.exceptions.ClientError) as caught:
        iam.simulate_principal_policy(PolicySourceArn=lab.role, ActionNames=["s3:GetObject"])
    assert caught.value.response["Error"]["Code"] == "InvalidAction"
    assert b"Traceback" not in lab.service.group.log.read_bytes()[before:]


def test_names_of_user_metadata_keep_their_spelling(lab: Lab) -> None:
    lab.s3.put_object(Bucket=lab.bucket, Key="named", Body=b"x", Metadata={"my_key": "a", "my-key2": "b"})
    assert lab.s3.head_object(Bucket=lab.bucket, Key="named")["Metadata"] == {"my_key": "a", "my-key2": "b"}


def test_a_bucket_in_the_host_is_the_bucket_in_the_path(lab: Lab) -> None:
    by_host = lab.service.client("s3", endpoint_url=lab.service.endpoint_url.replace("127.0.0.1", "localhost"))
    by_host.create_bucket(Bucket="hosted")
    by_host.put_object(Bucket="hosted", Key="a/b c", Body=b"x")
    assert lab.s3.get_object(Bucket="hosted", Key="a/b c")["Body"].read() == b"x"
    lab.s3.put_object(Bucket="hosted", Key="other", Body=b"y")
    assert by_host.get_object(Bucket="hosted", Key="other")["Body"].read() == b"y"
    assert {entry["Key"] for entry in by_host.list_objects_v2(Bucket="hosted")["Contents"]} == {"a/b c", "other"}


@pytest.mark.parametrize("status", ["abc", "000", "999", "100", "20", "-20", "1000", "204"])
def test_a_form_says_how_it_is_answered_within_reason(lab: Lab, status: str) -> None:
    key = f"posted-{status}"
    answered, _, _ = ask(lab.service, "POST", f"/{lab.bucket}", *form(key=key, success_action_status=status))
    assert answered == 204 if status == "204" else answered == 400
    assert (key in lab.keys("posted-")) == (answered == 204)


@pytest.mark.parametrize("key", ["", "a\nb", "a\x01b", "a\ufffeb"])
def test_a_key_that_no_list_can_say_is_refused(lab: Lab, key: str) -> None:
    before = lab.keys("")
    assert ask(lab.service, "POST", f"/{lab.bucket}", *form(key=key))[0] == 400
    assert lab.keys("") == before


def form(**fields: str) -> tuple[dict[str, str], bytes]:
    """Headers and body of a browser's upload."""
    parts = [f'--x\r\nContent-Disposition: form-data; name="{name}"\r\n\r\n{value}' for name, value in fields.items()]
    parts.append('--x\r\nContent-Disposition: form-data; name="file"; filename="f"\r\n\r\ncontent\r\n--x--\r\n')
    return {"Content-Type": "multipart/form-data; boundary=x"}, "\r\n".join(parts).encode()


@pytest.mark.parametrize(
    "checksum",
    [
        {"ContentMD5": "AAAAAAAAAAAAAAAAAAAAAA=="},
        {"ChecksumCRC32": "AAAAAA=="},
        {"ChecksumSHA1": "AAAAAAAAAAAAAAAAAAAAAAAAAAA="},
        {"ChecksumSHA256": "AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA="},
    ],
)
def test_an_upload_that_does_not_fit_its_checksum_is_refused(lab: Lab, checksum: dict[str, str]) -> None:
    # boto3 would send it again, with longer and longer pauses.
    once = lab.service.client("s3", config=Config(retries={"total_max_attempts": 1}))
    with pytest.raises(once.exceptions.ClientError, match="BadDigest"):
        once.put_object(Bucket=lab.bucket, Key="broken", Body=b"abc", **checksum)
    assert "broken" not in lab.keys("broken")
    lab.s3.put_object(Bucket=lab.bucket, Key="whole", Body=b"abc", ChecksumAlgorithm="SHA256")
