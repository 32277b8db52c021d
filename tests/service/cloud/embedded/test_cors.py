"""Pages of other sites may do with a bucket what its CORS rules say, as on Amazon."""

from __future__ import annotations

from typing import Any

import boto3
import pytest
from botocore.config import Config

from tests.service.inside import Inside

RULES: list[dict[str, Any]] = [
    {"AllowedOrigins": ["http://reads.localhost"], "AllowedMethods": ["GET", "HEAD"], "ExposeHeaders": ["ETag"]},
    {
        "AllowedOrigins": ["http://writes.localhost", "http://*.many.localhost"],
        "AllowedMethods": ["PUT", "GET"],
        "AllowedHeaders": ["content-type", "X-Amz-*"],
        "MaxAgeSeconds": 7,
    },
    {"AllowedOrigins": ["http://reads.localhost"], "AllowedMethods": ["DELETE", "GET"]},
    {"AllowedOrigins": ["*"], "AllowedMethods": ["HEAD"]},
]


@pytest.fixture
def lab(inside: Inside) -> Inside:
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="lab")
    s3.put_object(Bucket="lab", Key="a", Body=b"body")
    s3.put_bucket_cors(Bucket="lab", CORSConfiguration={"CORSRules": RULES})
    return inside


def ask(inside: Inside, origin: str, method: str, headers: str = "") -> tuple[int, dict[str, str]]:
    """What a browser is answered that asks whether a page may do something."""
    asked = {"Access-Control-Request-Headers": headers} if headers else {}
    given = {"Origin": origin, "Access-Control-Request-Method": method, **asked}
    return inside.send("OPTIONS", "http://localhost/lab/a", given)[:2]


@pytest.mark.parametrize(
    ("origin", "method", "headers", "methods"),
    [
        ("http://reads.localhost", "GET", "", "GET, HEAD"),
        ("http://reads.localhost", "DELETE", "", "DELETE, GET"),
        ("http://writes.localhost", "PUT", "Content-Type, x-amz-meta-a", "PUT, GET"),
        ("http://one.many.localhost", "GET", "", "PUT, GET"),
        ("http://anywhere.example", "HEAD", "", "HEAD"),
    ],
)
def test_the_first_cors_rule_that_fits_answers(
    lab: Inside, origin: str, method: str, headers: str, methods: str
) -> None:
    status, answer = ask(lab, origin, method, headers)
    assert status == 200
    assert answer["access-control-allow-methods"] == methods
    assert answer["access-control-allow-origin"] == ("*" if methods == "HEAD" else origin)
    assert answer["vary"].startswith("Origin")
    assert answer.get("access-control-allow-headers") == (headers.lower() or None)
    assert answer.get("access-control-max-age") == ("7" if "PUT" in methods else None)


@pytest.mark.parametrize(
    ("origin", "method", "headers"),
    [
        ("http://reads.localhost", "PUT", ""),
        ("http://reads.localhost", "GET", "content-type"),
        ("http://writes.localhost", "PUT", "authorization"),
        ("http://writes.localhost.example", "PUT", ""),
        ("http://.many.localhostile.example", "GET", ""),
        ("http://writesXlocalhost", "PUT", ""),
    ],
)
def test_what_no_cors_rule_allows_is_refused(lab: Inside, origin: str, method: str, headers: str) -> None:
    status, answer = ask(lab, origin, method, headers)
    assert status == 403
    assert "access-control-allow-origin" not in answer


@pytest.mark.parametrize("headers", [{}, {"Origin": "http://a.localhost"}, {"Access-Control-Request-Method": "GET"}])
def test_half_a_question_is_refused(lab: Inside, headers: dict[str, str]) -> None:
    assert lab.send("OPTIONS", "http://localhost/lab/a", headers)[0] == 400


def test_a_bucket_without_rules_allows_nothing(inside: Inside) -> None:
    inside.client("s3").create_bucket(Bucket="lab")
    assert ask(inside, "http://reads.localhost", "GET")[0] == 403
    inside.client("s3").delete_bucket(Bucket="lab")
    assert ask(inside, "http://reads.localhost", "GET")[0] == 403


def test_answers_say_who_may_see_them(lab: Inside) -> None:
    keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": "us-east-1"}
    s3 = boto3.client("s3", endpoint_url="http://localhost", config=Config(signature_version="s3v4"), **keys)

    def seen(method: str, origin: str) -> dict[str, str]:
        url = s3.generate_presigned_url(f"{method.lower()}_object", Params={"Bucket": "lab", "Key": "a"})
        status, headers, _ = lab.send(method, url, {"Origin": origin, "Sec-Fetch-Site": "same-site"})
        assert (status, headers["vary"]) == (200, "Origin")
        return headers

    reads = "http://reads.localhost"
    assert seen("GET", reads)["access-control-allow-origin"] == reads
    assert seen("GET", reads)["access-control-expose-headers"] == "ETag"
    assert seen("HEAD", reads)["access-control-allow-origin"] == reads
    assert "access-control-allow-origin" not in seen("GET", "http://other.localhost")
    assert seen("HEAD", "http://other.localhost")["access-control-allow-origin"] == "*"
