"""What pages of other sites may do with a service on this machine that asks nobody to sign in."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import boto3
import httpx
import pytest
from botocore import UNSIGNED
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.config import Config
from botocore.credentials import Credentials

from dev.identity_provider import IdentityProvider
from dev.stack import BIN, Service
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.origins import check_page
from labeling_provider.service.web.requests import RequestHead
from tests.conftest import Lab
from tests.service.web.wire import ask

EVIL = {"Origin": "https://evil.example", "Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "cors"}
"""What a browser adds to a request by a script of another site."""
EVIL_GET = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "no-cors", "Sec-Fetch-Dest": "image"}
"""What it adds where another site embeds something."""
BROWSER = {"Accept": "text/html,application/xhtml+xml,*/*;q=0.8"}
OWN = {"Sec-Fetch-Site": "same-origin", "Sec-Fetch-Mode": "cors", "Sec-Fetch-Dest": "empty"}
AIRFLOW = {"Origin": "http://localhost:8080", "Sec-Fetch-Site": "same-site", "Sec-Fetch-Mode": "cors"}
RULE = {"AllowedOrigins": ["*"], "AllowedMethods": ["GET"], "AllowedHeaders": [], "ExposeHeaders": []}


def presigned(lab: Lab, key: str, secret: str = "local", name: str = "local") -> str:
    s3 = boto3.client(
        "s3",
        endpoint_url=lab.service.endpoint_url,
        region_name="us-east-1",
        aws_access_key_id=name,
        aws_secret_access_key=secret,
        config=Config(signature_version="s3v4"),
    )
    return str(s3.generate_presigned_url("get_object", Params={"Bucket": lab.bucket, "Key": key}))


@pytest.fixture
def picture(lab: Lab) -> Iterator[str]:
    """The key of an object in a bucket with the rule that preflight adds for the workers' browsers."""
    lab.put("pictures/guessable.png", b"picture")
    lab.s3.put_bucket_cors(Bucket=lab.bucket, CORSConfiguration={"CORSRules": [RULE]})
    yield "pictures/guessable.png"
    lab.s3.delete_bucket_cors(Bucket=lab.bucket)


@pytest.mark.parametrize(
    "spelling", ["/moto-api/{}", "/%6doto-api/{}", "/moto%2dapi/{}", "//moto-api/{}", "/x/../moto-api/{}"]
)
@pytest.mark.parametrize("control", ["data.json", "reset", "recorder/start-recording", "seed?a=1", "config"])
@pytest.mark.parametrize("method", ["GET", "POST"])
def test_motos_controls_are_nowhere(lab: Lab, spelling: str, control: str, method: str) -> None:
    lab.put("kept", b"kept")
    status, answer, _ = ask(lab.service, method, spelling.format(control))
    assert status in {400, 403, 404, 405}, answer
    assert lab.get(f"s3://{lab.bucket}/kept") == b"kept"


@pytest.mark.parametrize("path", ["/latest/meta-data/iam/security-credentials/", "/latest/api/token", "/favicon.ico"])
def test_nothing_but_the_services_is_served(lab: Lab, path: str) -> None:
    assert ask(lab.service, "GET", path)[0] in {403, 404}


@pytest.mark.parametrize("headers", [EVIL, EVIL_GET, {"Origin": "null"}, {"Sec-Fetch-Site": "same-site"}])
@pytest.mark.parametrize("method", ["GET", "HEAD", "POST", "PUT", "DELETE"])
@pytest.mark.parametrize(
    "path",
    [
        "/",
        "/lab",
        "/lab/pictures/guessable.png",
        "/lab?list-type=2",
        "/?Action=ListTopics&Version=2010-03-31",
        "/?Action=CreateRole&RoleName=evil&AssumeRolePolicyDocument=%7B%7D&Version=2010-05-08",
        "/_labeling",
        "/_labeling/jobs/any/output",
        "/%5flabeling",
    ],
)
def test_other_sites_reach_nothing_by_themselves(
    lab: Lab, picture: str, path: str, method: str, headers: dict[str, str]
) -> None:
    assert ask(lab.service, method, path, headers)[0] == 403
    assert lab.get(f"s3://{lab.bucket}/{picture}") == b"picture"


@pytest.mark.parametrize("headers", [EVIL, EVIL_GET, AIRFLOW, OWN, {}])
@pytest.mark.parametrize("query", ["X-Amz-Signature=guess", f"X-Amz-Signature={'0' * 64}", "Signature=guess&Expires=1"])
def test_a_signature_that_nobody_made_opens_nothing(
    lab: Lab, picture: str, query: str, headers: dict[str, str]
) -> None:
    status, answer, _ = ask(lab.service, "GET", f"/{lab.bucket}/{picture}?{query}", headers)
    if query.startswith("Signature") and (headers == OWN or not headers):
        # The old signature is not looked at: programs on this machine need none.
        return
    assert status in {400, 403}
    assert answer != b"picture"


@pytest.mark.parametrize(("secret", "name"), [("wrong", "local"), ("local", "airflow"), ("local", "AKIDOTHER")])
def test_a_presigned_url_must_be_right_on_loopback_too(lab: Lab, picture: str, secret: str, name: str) -> None:
    assert ask(lab.service, "GET", presigned(lab, picture, secret, name))[0] == 403


@pytest.mark.parametrize("name", ["local", "airflow"])
def test_a_right_one_shows_the_picture_everywhere_and_lets_this_machines_pages_read_it(
    lab: Lab, picture: str, name: str
) -> None:
    url = presigned(lab, picture, name, name)
    for headers in ({}, OWN, EVIL_GET, AIRFLOW):
        status, answer, _ = ask(lab.service, "GET", url, headers)
        assert (status, answer) == (200, b"picture"), headers
    # Anybody can sign with keys that stand in the documentation.
    assert ask(lab.service, "GET", url, EVIL)[0] == 403
    assert ask(lab.service, "GET", url, {**EVIL, "Origin": "http://localhost.evil.example"})[0] == 403
    assert ask(lab.service, "GET", url, {**EVIL, "Origin": "null"})[0] == 403


def test_other_keys_count_as_none_for_programs_of_this_machine(lab: Lab) -> None:
    other = lab.service.client("s3", aws_access_key_id="AKIAANYBODY", aws_secret_access_key="any")
    assert other.list_buckets()["Buckets"]
    for known in ("local", "airflow"):
        wrong = lab.service.client("s3", aws_access_key_id=known, aws_secret_access_key="wrong")
        with pytest.raises(wrong.exceptions.ClientError, match="SignatureDoesNotMatch"):
            wrong.list_buckets()


def test_a_page_may_be_led_to_but_not_embedded(lab: Lab) -> None:
    link = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    status, _, headers = ask(lab.service, "GET", "/_labeling", link)
    assert status == 200
    assert headers["X-Frame-Options"] == "DENY"
    assert ask(lab.service, "GET", "/_labeling", {**link, "Sec-Fetch-Dest": "iframe"})[0] == 403
    assert ask(lab.service, "POST", "/_labeling", link)[0] == 403


def test_a_browser_may_ask_for_the_rule_of_a_bucket(lab: Lab, picture: str) -> None:
    asks = {**EVIL, "Access-Control-Request-Method": "GET"}
    status, _, headers = ask(lab.service, "OPTIONS", presigned(lab, picture), asks)
    assert status == 200
    assert "GET" in headers["Access-Control-Allow-Methods"]


@pytest.mark.parametrize("host", ["evil.example", "127.0.0.1.evil.example", "localhost.evil.example", "10.0.0.1"])
def test_a_name_that_is_not_this_machines_is_refused(lab: Lab, host: str) -> None:
    assert ask(lab.service, "GET", "/_labeling", {"Host": host})[0] == 403


@pytest.mark.parametrize("host", ["", "[", "[::1", "a b", "a/b", "a@b", "a:b", "a:123456", "é", "[::1]x", "a" * 300])
@pytest.mark.parametrize("target", [{}, {"X-Amz-Target": "SageMaker.ListLabelingJobs"}])
def test_an_odd_host_is_the_callers_fault(lab: Lab, host: str, target: dict[str, str]) -> None:
    assert ask(lab.service, "POST", "/", {"Host": host.encode().decode("latin-1"), **target}, b"{}")[0] in {400, 403}


@pytest.mark.parametrize(
    "origin", ["[", "http://[", "http://[::1", "//", "http://a:b", "é", "x" * 5000, "http://[v1.]/"]
)
def test_an_odd_origin_is_the_callers_fault(lab: Lab, origin: str) -> None:
    assert ask(lab.service, "PUT", "/lab/x", {"Origin": origin.encode().decode("latin-1")})[0] == 403


def test_only_who_was_told_the_keys_lets_another_site_read() -> None:
    """Where keys were chosen, a page of any site may use the URL that it was given."""
    head = [(name.lower().encode(), value.encode()) for name, value in {"Host": "gt.example", **EVIL}.items()]
    scope = {"method": "GET", "http_version": "1.1", "raw_path": b"/lab/a.png", "query_string": b"", "headers": head}
    check_page(RequestHead.of(scope), presigned=True, secret=True)
    with pytest.raises(ApiError, match="other sites"):
        check_page(RequestHead.of(scope), presigned=False, secret=True)


@pytest.mark.parametrize("action", ["DeleteQueue", "PurgeQueue", "ReceiveMessage"])
def test_a_picture_is_an_object_and_nothing_else(lab: Lab, action: str) -> None:
    """Keys that stand in the documentation sign addresses of other services, too."""
    sqs = lab.service.client("sqs")
    url = sqs.create_queue(QueueName="victim")["QueueUrl"]
    address = AWSRequest("GET", f"{url}?Action={action}&Version=2012-11-05", headers={}, data=b"")
    SigV4QueryAuth(Credentials("local", "local"), "sqs", "us-east-1", 60).add_auth(address)
    for headers in (EVIL_GET, EVIL, AIRFLOW):
        assert ask(lab.service, "GET", address.prepare().url, headers)[0] == 403
    for method in ("OPTIONS", "GET"):
        preflight = {**EVIL, "Access-Control-Request-Method": "PUT"}
        assert ask(lab.service, method, f"{urlsplit(url).path}?Action={action}&Version=2012-11-05", preflight)[0] >= 400
    assert ask(lab.service, "GET", f"{urlsplit(url).path}?Action={action}&Version=2012-11-05")[0] == 405
    # A link in a mail is opened like an address that was typed.
    typed = {"Sec-Fetch-Site": "none", "Sec-Fetch-Mode": "navigate", "Sec-Fetch-Dest": "document"}
    for headers in (typed, {}):
        assert ask(lab.service, "GET", address.prepare().url, headers)[0] == 405
    assert sqs.get_queue_url(QueueName="victim")["QueueUrl"] == url


def test_a_page_is_no_picture(lab: Lab) -> None:
    for path in ("/_labeling/x", "/%5flabeling/x"):
        assert ask(lab.service, "GET", presigned(lab, "x").replace(f"/{lab.bucket}/x", path), EVIL_GET)[0] == 403


def test_a_browser_that_tells_half_is_refused(lab: Lab) -> None:
    half = {"Sec-Fetch-Site": "cross-site", "Sec-Fetch-Mode": "navigate"}
    assert ask(lab.service, "GET", "/_labeling", half)[0] == 403


@pytest.mark.parametrize("host", ["[::::]", "[....]", "[1.2.3]"])
def test_an_address_that_is_none_is_the_callers_fault(lab: Lab, host: str) -> None:
    assert ask(lab.service, "GET", "/", {"Host": host})[0] == 400


def test_who_signs_nothing_is_in_the_services_region(tmp_path: Path) -> None:
    service = Service(tmp_path, "--region", "eu-west-1")
    try:
        form = {"Content-Type": "application/x-www-form-urlencoded"}
        body = b"Action=CreateTopic&Name=here&Version=2010-03-31"
        assert b":eu-west-1:" in ask(service, "POST", "/", form, body)[1]
        assert len(service.client("sns", region_name="eu-west-1").list_topics()["Topics"]) == 1
    finally:
        service.stop()


def test_programs_of_this_machine_need_no_keys(lab: Lab) -> None:
    s3 = lab.service.client("s3", config=Config(signature_version=UNSIGNED))
    for body in (b"one", b"two"):
        s3.put_object(Bucket=lab.bucket, Key="unsigned", Body=body)
        assert s3.get_object(Bucket=lab.bucket, Key="unsigned")["Body"].read() == body
    s3.delete_object(Bucket=lab.bucket, Key="unsigned")
    for headers in (EVIL, EVIL_GET):
        assert ask(lab.service, "GET", f"/{lab.bucket}/unsigned", headers)[0] == 403


def test_a_bucket_is_no_picture(lab: Lab) -> None:
    for method in ("GET", "OPTIONS"):
        assert ask(lab.service, method, f"//{lab.bucket}", EVIL_GET)[0] >= 400


# Where a request comes from


@pytest.fixture(scope="module")
def behind_proxy(tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider) -> Iterator[Service]:
    """A service that speaks HTTPS itself, and believes a proxy on this machine."""
    tls = ("--tls-certificate", str(provider.certificate), "--tls-key", str(provider.key))
    env = {"LABELING_LOCAL_ACCESS_KEY_ID": "owner", "LABELING_LOCAL_SECRET_ACCESS_KEY": "secret"}
    service = Service(tmp_path_factory.mktemp("behind"), *tls, "--trusted-proxy", "127.0.0.0/8", env=env)
    yield service
    service.stop()


def test_a_proxy_that_is_named_says_where_a_request_comes_from(
    behind_proxy: Service, provider: IdentityProvider
) -> None:
    assert behind_proxy.endpoint_url.startswith("https://")
    keys = {"aws_access_key_id": "owner", "aws_secret_access_key": "secret", "verify": str(provider.certificate)}
    sagemaker = behind_proxy.client("sagemaker", **keys)
    sagemaker.update_workforce(WorkforceName="default", SourceIpConfig={"Cidrs": ["192.0.2.0/24", "2001:db8::/32"]})
    with httpx.Client(base_url=behind_proxy.endpoint_url, verify=provider.trusted) as client:

        def status(forwarded: str) -> int:
            return client.get("/portal/sign-in", headers={"x-forwarded-for": forwarded}).status_code

        inside = ("192.0.2.7", "2001:db8::1", "::ffff:192.0.2.7", "8.8.8.8, 192.0.2.7", "192.0.2.7, 127.0.0.2")
        outside = ("8.8.8.8", "192.0.2.7, 8.8.8.8", "127.0.0.1", "2001:db9::1", "somewhere", "", "192.0.2.7.evil")
        assert [status(address) for address in inside] == [200] * len(inside)
        assert [status(address) for address in outside] == [404] * len(outside)
        assert client.get("/portal/static/portal.css").status_code == 404
        same = {"origin": behind_proxy.endpoint_url, "sec-fetch-site": "same-origin", "x-forwarded-for": "192.0.2.7"}
        client.get("/_labeling/", headers={"x-forwarded-for": "192.0.2.99"})
        for _ in range(11):
            answer = client.post("/portal/sign-in", data={"name": "Nobody", "password": "x"}, headers=same)
        assert (answer.status_code, "too many wrong passwords" in answer.text) == (403, True)
        elsewhere = {**same, "x-forwarded-for": "192.0.2.8"}
        answer = client.post("/portal/sign-in", data={"name": "Nobody", "password": "x"}, headers=elsewhere)
        assert "Wrong name or password" in answer.text
        entries = client.get("/_labeling/audit", auth=("owner", "secret")).json()
    written = {(row["what"], row["who"], row["address"], row["outcome"]) for row in entries}
    assert ("sign-in", "", "192.0.2.7", "refused") in written, "what nobody is called may be a password"
    assert ("request", "", "192.0.2.99", "Unauthorized") in written
    assert ("portal", "", "8.8.8.8", "NotFound") in written


def test_the_session_s_cookie_stays_on_https(behind_proxy: Service, provider: IdentityProvider) -> None:
    env = {**behind_proxy.env, "SSL_CERT_FILE": str(provider.certificate)}
    command = [str(BIN / "labeling"), "workers", "--endpoint-url", behind_proxy.endpoint_url]
    for move in (["add", "Yara"], ["invite", "Yara"]):
        done = subprocess.run([*command, *move], env=env, capture_output=True, text=True, check=True)
    link = done.stdout.split()[1]
    assert link.startswith(f"{behind_proxy.endpoint_url}/portal/invitations/")
    same = {"origin": behind_proxy.endpoint_url, "sec-fetch-site": "same-origin", "x-forwarded-for": "192.0.2.7"}
    answer = httpx.post(link, data={"password": "correct horse battery"}, headers=same, verify=provider.trusted)
    assert answer.status_code == 303
    assert "; secure" in answer.headers["set-cookie"].lower()


def test_from_anybody_else_such_headers_mean_nothing(guarded: Service, owner: Callable[[str], Any]) -> None:
    change = owner("sagemaker").update_workforce
    change(WorkforceName="default", SourceIpConfig={"Cidrs": ["192.0.2.0/24"]})
    try:
        headers = {"x-forwarded-for": "192.0.2.7", "x-forwarded-proto": "https"}
        assert httpx.get(f"{guarded.endpoint_url}/portal/sign-in", headers=headers).status_code == 404
        assert httpx.get(guarded.endpoint_url, headers={**headers, **BROWSER}).status_code == 403
    finally:
        change(WorkforceName="default", SourceIpConfig={"Cidrs": []})
    assert httpx.get(f"{guarded.endpoint_url}/portal/sign-in").status_code == 200


def test_the_bare_address_leads_a_browser_to_the_portal_or_the_pages(guarded: Service, lab: Lab) -> None:
    for service, place in ((guarded, "/portal/"), (lab.service, "/_labeling/")):
        answer = httpx.get(service.endpoint_url, headers=BROWSER)
        assert (answer.status_code, answer.headers["location"]) == (303, place)
        opened = httpx.get(service.endpoint_url, headers=BROWSER, follow_redirects=True)
        assert "text/html" in opened.headers["content-type"]
        assert httpx.get(service.endpoint_url).headers["content-type"].endswith("/xml")
