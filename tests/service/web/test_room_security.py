"""Who may talk to the service, and what a page may show."""

from __future__ import annotations

import base64
import subprocess
import urllib.error
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import ClientError

from dev.stack import BIN, PATIENCE, Service
from labeling_provider.cli.audit import main as audit
from tests.conftest import Lab, texts

KEYS = {"LABELING_LOCAL_ACCESS_KEY_ID": "AKIDLOCAL", "LABELING_LOCAL_SECRET_ACCESS_KEY": "very secret"}


def get(url: str, **headers: str) -> tuple[int, str, Any]:
    request = urllib.request.Request(url, headers={name.replace("_", "-"): value for name, value in headers.items()})
    try:
        with urllib.request.urlopen(request) as answer:
            return answer.status, answer.read().decode(), answer.headers
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode(), error.headers


@pytest.fixture(scope="module")
def guarded(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service with credentials, on an address that could be any."""
    service = Service(tmp_path_factory.mktemp("guarded"), "--host", "0.0.0.0", env=KEYS)
    yield service
    service.stop()


def client(service: Service, name: str, secret: str = "very secret", key: str = "AKIDLOCAL"):
    return boto3.client(
        name,
        endpoint_url=service.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=Config(retries={"max_attempts": 0}, signature_version="v4" if name != "s3" else "s3v4"),
    )


@pytest.mark.parametrize("host", ["0.0.0.0", "::"])
def test_without_credentials_it_does_not_start_on_an_open_address(host: str) -> None:
    command = [str(BIN / "labeling"), "local", "--host", host]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE * 60, check=False)
    assert done.returncode == 2
    assert "LABELING_LOCAL_ACCESS_KEY_ID" in done.stderr
    assert done.stdout == ""


def opened_by(service: Service, own: str) -> None:
    """See that what a service says of itself can be opened, and who else can reach it is told."""
    port = service.endpoint_url.rpartition(":")[2]
    assert service.endpoint_url == f"http://{own}:{port}"
    assert all(service.ready[key].startswith(f"{service.endpoint_url}/") for key in ("pages_url", "portal_url"))
    assert get(f"{service.endpoint_url}/healthz")[0] == 200
    log = (service.folder / "service.log").read_text()
    assert f"labeling local: other machines can reach it at http://NAME:{port}" in log


def test_all_addresses_are_told_by_one_that_can_be_opened(guarded: Service, tmp_path: Path) -> None:
    opened_by(guarded, "127.0.0.1")
    service = Service(tmp_path, "--host", "::", env=KEYS)
    try:
        opened_by(service, "[::1]")
    finally:
        service.stop()


def test_it_listens_on_loopback_unless_told_otherwise(lab: Lab) -> None:
    assert lab.service.endpoint_url.startswith("http://127.0.0.1:")


def test_signed_requests_of_every_service_are_let_in(guarded: Service) -> None:
    assert client(guarded, "sagemaker").list_labeling_jobs()["LabelingJobSummaryList"] == []
    s3 = client(guarded, "s3")
    s3.create_bucket(Bucket="guarded")
    for key in ("plain", "with space/ü+&=", "a//b"):
        s3.put_object(Bucket="guarded", Key=key, Body=b"x" * 100)
        assert s3.get_object(Bucket="guarded", Key=key)["Body"].read() == b"x" * 100
    assert len(s3.list_objects_v2(Bucket="guarded", Prefix="", MaxKeys=2)["Contents"]) == 2
    assert client(guarded, "sqs").create_queue(QueueName="q")["QueueUrl"]
    assert client(guarded, "sns").create_topic(Name="t")["TopicArn"]
    assert client(guarded, "sts").get_caller_identity()["Account"]
    url = s3.generate_presigned_url("get_object", Params={"Bucket": "guarded", "Key": "plain"})
    assert get(url)[0] == 200
    assert get(url.replace("plain", "a//b"))[0] == 403


@pytest.mark.parametrize(
    ("key", "secret", "code"),
    [("AKIDLOCAL", "wrong", "SignatureDoesNotMatch"), ("AKIDOTHER", "very secret", "InvalidClientTokenId")],
)
def test_other_keys_are_refused(guarded: Service, key: str, secret: str, code: str) -> None:
    for name, call in (("sagemaker", "list_labeling_jobs"), ("s3", "list_buckets"), ("sqs", "list_queues")):
        with pytest.raises(ClientError) as caught:
            getattr(client(guarded, name, secret, key), call)()
        assert caught.value.response["Error"]["Code"] == code
        assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_unsigned_requests_are_refused_everywhere(guarded: Service) -> None:
    url = guarded.endpoint_url
    for path in ("/", "/guarded/plain", "/moto-api/reset", "/_labeling"):
        status, body, _ = get(url + path)
        assert status in {401, 403}, path
        assert "very secret" not in body


def test_a_body_that_was_changed_on_the_way_is_refused(guarded: Service) -> None:
    s3 = client(guarded, "s3")

    def change(request, **_: object) -> None:
        request.body = b"forged"

    s3.meta.events.register("before-send.s3.PutObject", change)
    with pytest.raises(ClientError, match="XAmzContentSHA256Mismatch"):
        s3.put_object(Bucket="guarded", Key="forged", Body=b"honest")


def test_a_browser_signs_in_with_the_keys(guarded: Service) -> None:
    url = guarded.endpoint_url + "/_labeling"
    status, _, headers = get(url)
    assert (status, headers["WWW-Authenticate"]) == (401, 'Basic realm="labeling"')
    pair = base64.b64encode(b"AKIDLOCAL:very secret").decode()
    assert get(url, Authorization=f"Basic {pair}")[0] == 200


def test_pages_of_other_sites_can_change_nothing(lab: Lab) -> None:
    request = urllib.request.Request(
        f"{lab.service.endpoint_url}/lab/evil", b"x", {"Origin": "https://evil.example"}, method="PUT"
    )
    with pytest.raises(urllib.error.HTTPError, match="403"):
        urllib.request.urlopen(request)
    assert get(lab.service.endpoint_url + "/_labeling", Host="evil.example:80")[0] == 403


@pytest.mark.parametrize(
    ("name", "call"),
    [("sagemaker", "list_labeling_jobs"), ("sqs", "list_queues"), ("sns", "list_topics"), ("events", "list_rules")],
)
def test_another_region_is_refused_as_amazon_does(lab: Lab, name: str, call: str) -> None:
    with pytest.raises(ClientError) as caught:
        getattr(lab.service.client(name, region_name="eu-west-1"), call)()
    assert caught.value.response["Error"]["Code"] == "InvalidSignatureException"
    assert "'eu-west-1'" in caught.value.response["Error"]["Message"]


def test_credentials_of_a_role_elsewhere_see_the_same_service(lab: Lab) -> None:
    role = "arn:aws:iam::999999999999:role/elsewhere"
    given = lab.service.client("sts").assume_role(RoleArn=role, RoleSessionName="test")["Credentials"]
    keys = {"aws_access_key_id": given["AccessKeyId"], "aws_secret_access_key": given["SecretAccessKey"]}
    s3 = lab.service.client("s3", **keys, aws_session_token=given["SessionToken"])
    assert lab.bucket in {bucket["Name"] for bucket in s3.list_buckets()["Buckets"]}


def test_what_a_job_holds_is_shown_as_text(lab: Lab) -> None:
    script = "<script>alert(1)</script><img src=x onerror=alert(1)>"
    labels = [script, "other"]
    name = lab.create([{"source": script, "truth": script}], labels=labels, title=script)
    lab.wait(name)
    page = f"{lab.service.endpoint_url}/_labeling/jobs/{name}"
    for path in ("", "/output", "/log"):
        status, body, headers = get(page + path)
        assert status == 200
        assert "<script" not in body
        assert "<img" not in body
        assert "default-src 'none'" in headers["Content-Security-Policy"]
    assert "&lt;script&gt;" in get(page + "/output")[1]
    assert name in get(f"{lab.service.endpoint_url}/_labeling")[1]


@pytest.mark.parametrize("path", ["/jobs/nobody", "/jobs", "/jobs/a/b/c", "/jobs/a/../../etc", "/%00"])
def test_pages_that_do_not_exist_say_so(lab: Lab, path: str) -> None:
    assert get(lab.service.endpoint_url + "/_labeling" + path)[0] == 404


def test_a_page_follows_the_job_until_it_ends(lab: Lab) -> None:
    name = lab.create(texts(3))
    lab.wait(name)
    body = get(f"{lab.service.endpoint_url}/_labeling/jobs/{name}")[1]
    assert 'http-equiv="refresh"' not in body
    assert 'aria-label="3 of 3 done"' in body


def test_keys_do_not_show_in_the_log(guarded: Service, tmp_path: Path) -> None:
    assert "very secret" not in guarded.group.log.read_text()


def test_a_key_that_nobody_has_is_written_down(
    guarded: Service, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(ClientError, match="InvalidClientTokenId"):
        client(guarded, "sagemaker", "x", "LABKSTOLEN").list_labeling_jobs()
    for name, value in KEYS.items():
        monkeypatch.setenv(name, value)
    assert audit(["--endpoint-url", guarded.endpoint_url]) == 0
    assert "nobody LABKSTOLEN  127.0.0.1  request  –  InvalidClientTokenId" in capsys.readouterr().out
