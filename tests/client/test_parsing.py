"""How boto3 clients read answers."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest
from botocore.exceptions import ClientError, IncompleteReadError
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.client.parsing import MAX_MESSAGE, parse_time, refuse_foreign_answers, refuse_half_answers
from labeling_provider.client.renewal import Renewal, RenewedClient
from tests.conftest import Lab
from tests.flaky import running

MOMENTS = st.datetimes(datetime(1970, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC))
ZONES = st.integers(-14 * 60, 14 * 60).map(lambda minutes: timezone(timedelta(minutes=minutes)))


@given(MOMENTS)
def test_a_time_as_s3_writes_it_is_read(moment: datetime) -> None:
    assert parse_time(moment.isoformat(timespec="microseconds").replace("+00:00", "Z")) == moment


@given(MOMENTS.map(lambda moment: moment.replace(microsecond=0)), ZONES)
def test_times_in_other_forms_are_read_as_botocore_reads_them(moment: datetime, zone: timezone) -> None:
    assert parse_time(moment.timestamp()) == moment
    assert parse_time(moment.astimezone(zone).isoformat()) == moment
    assert parse_time(moment.strftime("%a, %d %b %Y %H:%M:%S GMT")) == moment


@pytest.mark.parametrize("text", ["Z", "2026-13-01T00:00:00Z", "yesterday"])
def test_what_is_no_time_is_an_error(text: str) -> None:
    with pytest.raises(ValueError, match="Invalid timestamp"):
        parse_time(text)


HALF = b'{"WorkteamArn":'
FULL = b'{"Workteams": []}'


@pytest.fixture
def half_answering() -> Iterator[str]:
    """The address of a service that breaks off its first answer and says so afterwards; and what it answers then."""

    class Handler(BaseHTTPRequestHandler):
        answers: int = 0

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers["Content-Length"]))
            Handler.answers += 1
            self.send_response_only(200)
            self.send_header("Content-Length", str(len(FULL)))
            self.end_headers()
            self.wfile.write(FULL if Handler.answers > 1 else FULL[:-3])

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with running(server):
        yield f"http://127.0.0.1:{server.server_port}"


def test_half_an_answer_is_an_error_and_a_whole_one_is_none(lab: Lab, half_answering: str) -> None:
    from botocore.config import Config

    once = Config(retries={"total_max_attempts": 1})
    client: Any = lab.service.client("sagemaker", endpoint_url=half_answering, config=once)
    refuse_half_answers(client)
    with pytest.raises(IncompleteReadError, match="14 read, but total bytes expected is 17"):
        client.list_workteams()
    assert client.list_workteams()["Workteams"] == []


def test_an_answer_without_a_body_is_whole_whatever_length_it_tells(lab: Lab) -> None:
    client = lab.service.client("s3")
    refuse_half_answers(client)
    lab.put("parsing/object", b"seven b")
    assert client.head_object(Bucket=lab.bucket, Key="parsing/object")["ContentLength"] == 7
    assert client.get_object(Bucket=lab.bucket, Key="parsing/object")["Body"].read() == b"seven b"


PAGE = ("text/html", b"<!DOCTYPE html><title>It works</title>")
FOREIGN = [(200, *PAGE), (302, *PAGE), (404, *PAGE), (501, *PAGE), (404, "application/json", b'{"detail":"Not Found"}')]


@pytest.fixture
def foreign() -> Iterator[Any]:
    """A server that is no Ground Truth, and what it is to answer."""

    class Handler(BaseHTTPRequestHandler):
        said: tuple[int, str, bytes]

        def do_POST(self) -> None:
            self.rfile.read(int(self.headers.get("Content-Length", 0)))
            status, kind, body = Handler.said
            self.send_response_only(status)
            self.send_header("Content-Type", kind)
            self.send_header("Content-Length", str(len(body)))
            self.end_headers()
            self.wfile.write(body)

        do_GET = do_POST

        def log_message(self, *arguments: object) -> None:
            pass

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    with running(server):
        yield Handler, f"http://127.0.0.1:{server.server_port}"


@pytest.mark.parametrize("said", FOREIGN, ids=lambda said: f"{said[0]}-{said[1]}")
def test_the_answer_of_another_program_is_an_error_that_names_the_address(
    lab: Lab, foreign: Any, said: tuple[int, str, bytes]
) -> None:
    handler, url = foreign
    handler.said = said
    for service, ask in (
        ("sagemaker", lambda client: client.list_labeling_jobs()),
        ("s3", lambda client: client.get_object(Bucket="bucket", Key="key")),
    ):
        if service == "s3" and "json" in said[1]:
            continue
        client: Any = lab.service.client(service, endpoint_url=url)
        refuse_foreign_answers(client)
        with pytest.raises(ClientError) as refused:
            ask(client)
        assert f"{url} answers with status {said[0]} and {said[1]}, as " in str(refused.value)
        assert str(refused.value).endswith("correct endpoint_url in the extra of the Airflow connection")


def test_what_ground_truth_answers_is_let_through(lab: Lab, foreign: Any) -> None:
    lab.put("parsing/page.html", b"<html>")
    s3, sagemaker = lab.service.client("s3"), lab.service.client("sagemaker")
    for client in (s3, sagemaker):
        refuse_foreign_answers(client)
    s3.copy_object(
        Bucket=lab.bucket,
        Key="parsing/page.html",
        CopySource=f"{lab.bucket}/parsing/page.html",
        ContentType="text/html",
        MetadataDirective="REPLACE",
    )
    assert s3.get_object(Bucket=lab.bucket, Key="parsing/page.html")["ContentType"] == "text/html"
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=lab.bucket, Key="parsing/nothing")
    with pytest.raises(ClientError) as missing:
        sagemaker.describe_labeling_job(LabelingJobName="nothing")
    assert missing.value.response["Error"]["Code"] == "ResourceNotFound"
    # A proxy before a service that starts: that is an outage, and no wrong address.
    handler, url = foreign
    handler.said = (503, *PAGE)
    client = lab.service.client("sagemaker", endpoint_url=url)
    refuse_foreign_answers(client)
    with pytest.raises(ClientError) as unavailable:
        client.list_labeling_jobs()
    assert "endpoint_url" not in str(unavailable.value)


def test_the_error_that_another_server_causes_is_one_short_line(lab: Lab, foreign: Any) -> None:
    from botocore.config import Config

    handler, url = foreign
    once = Config(retries={"total_max_attempts": 1})
    bodies = (
        b"<!DOCTYPE html>\n" + b"<p>\nbroken\n" * 5000,
        b"<x>\n" * 5000,
        b'{"message": "' + b"no\\n " * 9000 + b'"}',
    )
    for service, operation in (("sagemaker", "list_workteams"), ("s3", "list_buckets"), ("sns", "list_topics")):

        def make(service: str = service) -> Any:
            return lab.service.client(service, endpoint_url=url, config=once)

        ask = getattr(RenewedClient(Renewal(lambda: None), make), operation)
        # Of SageMaker's, a page is as good as an answer without fields to botocore.
        for status in (400, 502) if service == "sagemaker" else (200, 400, 502):
            for body in bodies:
                handler.said = (status, "text/html", body)
                with pytest.raises(Exception, match="An error occurred|Unable to parse") as caught:
                    ask()
                text = str(caught.value)
                assert (len(text) < MAX_MESSAGE + 9, "\n" in text, "<p>" in text) == (True, False, False), text[:300]
