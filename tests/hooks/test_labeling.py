"""The hook against the local service."""

from __future__ import annotations

import asyncio

import pytest

from labeling_provider.errors import LabelingError
from labeling_provider.hooks.labeling import LabelingHook
from labeling_provider.request import PrivateWorkteam
from tests.conftest import Lab, texts
from tests.flaky import connection


def test_the_connection_decides_where_everything_goes(connected: Lab) -> None:
    hook = LabelingHook()
    assert hook.aws_conn_id == "aws_default"
    assert hook.conn_client_meta.endpoint_url == connected.service.endpoint_url
    assert hook.s3.meta.endpoint_url == connected.service.endpoint_url
    assert hook.conn_region_name == "us-east-1"


def test_the_connection_can_be_tested(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    works, message = LabelingHook().test_connection()
    assert works
    assert connected.service.endpoint_url in message
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection("http://127.0.0.1:9"))
    works, message = LabelingHook().test_connection()
    assert not works
    assert "EndpointConnectionError" in message


def test_there_is_an_async_client(connected: Lab) -> None:
    name = connected.create(texts(2))

    async def status() -> str:
        async with await LabelingHook().get_async_conn() as client:
            return str((await client.describe_labeling_job(LabelingJobName=name))["LabelingJobName"])

    assert asyncio.run(status()) == name


def test_stopping_tells_whether_there_was_something_to_stop(connected: Lab) -> None:
    name = connected.create(texts(2), workforce=PrivateWorkteam(connected.team("private-people")))
    connected.wait(name, {"InProgress"})
    hook = LabelingHook()
    assert hook.stop_job(name) is True
    connected.wait(name)
    assert hook.stop_job(name) is False
    with pytest.raises(LabelingError, match="no labeling job named nobody"):
        hook.stop_job("nobody")


def test_objects_are_read_with_a_limit_and_lines_as_they_come(connected: Lab) -> None:
    uri = connected.put("hook/lines", b"a\nbb\r\nc")
    hook = LabelingHook()
    assert list(hook.read_lines(uri)) == [b"a\n", b"bb\r\n", b"c"]
    assert hook.read_object(uri, 7) == b"a\nbb\r\nc"
    with pytest.raises(LabelingError, match="larger than 6 bytes"):
        hook.read_object(uri, 6)
    for bad in ("s3://lab/none", "s3://no-such-bucket/none", "file:///etc/passwd"):
        with pytest.raises(LabelingError):
            list(hook.read_lines(bad))


def test_that_there_is_no_such_job_is_an_answer_and_no_error(connected: Lab) -> None:
    assert LabelingHook().find_job("nobody") is None


def test_labels_are_read_from_any_result(connected: Lab) -> None:
    hook = LabelingHook()
    description, _ = connected.run(texts(2))
    uri = description["LabelingJobOutput"]["OutputDatasetS3Uri"]
    result = {"job_name": "x", "output_manifest_uri": uri, "label_attribute_name": description["LabelAttributeName"]}
    assert list(hook.labels(result)) == [("text 0", "cat"), ("text 1", "dog")]
    assert list(hook.labels({"text 0": "cat", "job_name": None})) == [("text 0", "cat"), ("job_name", None)]
    assert list(hook.labels({**result, "output_manifest_uri": None})) == []
