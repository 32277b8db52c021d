"""The hook against the local service."""

from __future__ import annotations

import asyncio
import inspect
import json
import re
from contextlib import ExitStack
from pathlib import Path
from typing import Any

import pytest
from botocore.exceptions import ClientError

from dev.seaweedfs import SeaweedFS
from dev.stack import Service, wait_until
from labeling_provider.errors import LabelingError
from labeling_provider.hooks import labeling
from labeling_provider.hooks.labeling import LabelingHook
from labeling_provider.request import LabelingJobSpec, PrivateWorkteam
from tests.conftest import Lab, texts
from tests.flaky import connection


def test_the_connection_decides_where_everything_goes(connected: Lab) -> None:
    hook = LabelingHook()
    assert hook.aws_conn_id == "aws_default"
    assert hook.conn_client_meta.endpoint_url == connected.service.endpoint_url
    assert hook.s3.meta.endpoint_url == connected.service.endpoint_url
    assert hook.conn_region_name == "us-east-1"


def test_the_user_agent_names_the_operator_without_a_look_at_the_source_of_every_module(
    connected: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    class Asks:
        def execute(self) -> str:
            return LabelingHook().sagemaker.meta.config.user_agent_extra

    def stack() -> list[inspect.FrameInfo]:
        raise AssertionError("the stack was read with its source")

    monkeypatch.setattr(inspect, "stack", stack)
    assert " Caller/Asks " in Asks().execute()


def test_the_connection_can_be_tested(connected: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    works, message = LabelingHook().test_connection()
    assert works
    assert connected.service.endpoint_url in message
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection("http://127.0.0.1:9"))
    works, message = LabelingHook().test_connection()
    assert not works
    assert "EndpointConnectionError" in message
    assert message.endswith("start the service there, or correct endpoint_url in the extra of the Airflow connection")
    assert "\n" not in message


def test_newcomers_are_told_what_to_do_about_their_connection(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection("127.0.0.1:4566"))
    words = "The Airflow connection aws_default can't be used: .*endpoint_url in its extra must be like http://127.0.0.1:4566"
    works, message = LabelingHook().test_connection()
    assert not works
    assert re.match(words, message)
    with pytest.raises(LabelingError, match=words) as malformed:
        LabelingHook().ground_truth.find_job("x")
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection("http://127.0.0.1:9"))
    with pytest.raises(LabelingError, match="start the service there, or correct endpoint_url") as away:
        LabelingHook(outage=0).ground_truth.find_job("x")
    monkeypatch.delenv("AIRFLOW_CONN_AWS_DEFAULT")
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION", "AWS_PROFILE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.setenv("AWS_CONFIG_FILE", "/nowhere")
    with pytest.raises(
        LabelingError, match="check that the Airflow connection exists and has login, password and"
    ) as missing:
        LabelingHook("undefined", outage=0).ground_truth.find_job("x")
    errors = (message, malformed.value, away.value, missing.value)
    assert [text for text in map(str, errors) if "\n" in text] == []


def test_there_is_an_async_client(connected: Lab) -> None:
    name = connected.create(texts(2))

    async def status() -> str:
        async with await LabelingHook().get_async_conn() as client:
            return str((await client.describe_labeling_job(LabelingJobName=name))["LabelingJobName"])

    assert asyncio.run(status()) == name


def test_stopping_tells_whether_there_was_something_to_stop(connected: Lab) -> None:
    name = connected.create(texts(2), workforce=connected.people)
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


@pytest.mark.parametrize("services", [["s3"], {"s3": "http://127.0.0.1:9000"}])
def test_what_a_connection_says_of_services_must_be_readable(services: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(
        "AIRFLOW_CONN_AWS_DEFAULT", json.dumps({"conn_type": "aws", "extra": {"service_config": services}})
    )
    with pytest.raises(LabelingError, match="aws_default can't be used: service_config in its extra must be"):
        LabelingHook().s3.list_buckets()


@pytest.mark.once
def test_s3_can_have_keys_of_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    masked: list[Any] = []
    monkeypatch.setattr(labeling, "mask_secret", masked.append)
    s3_keys = {"AWS_ACCESS_KEY_ID": "of-s3", "AWS_SECRET_ACCESS_KEY": "secret-of-s3"}
    ours = {"LABELING_LOCAL_ACCESS_KEY_ID": "of-labeling", "LABELING_LOCAL_SECRET_ACCESS_KEY": "secret-of-labeling"}
    with ExitStack() as running:
        server = SeaweedFS(tmp_path / "s3", keys=s3_keys)
        running.callback(server.stop)
        service = Service(tmp_path, "--s3-endpoint", server.endpoint_url, env={**s3_keys, **ours})
        running.callback(service.stop)
        of_s3 = {"endpoint_url": server.endpoint_url, **{name.lower(): value for name, value in s3_keys.items()}}

        def connect(**own: Any) -> None:
            extra = {"endpoint_url": service.endpoint_url, "region_name": "us-east-1", "service_config": {"s3": own}}
            connection = {"conn_type": "aws", "login": "of-labeling", "password": "secret-of-labeling", "extra": extra}
            monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", json.dumps(connection))

        connect(**of_s3)
        hook = LabelingHook()
        hook.s3.create_bucket(Bucket="lab")
        hook.s3.put_object(Bucket="lab", Key="in.manifest", Body=b'{"source": "a", "truth": "dog"}\n')
        draft = LabelingJobSpec(
            task_type="text-classification",
            manifest_uri="s3://lab/in.manifest",
            output_uri="s3://lab/out",
            labels=["cat", "dog"],
            workforce=PrivateWorkteam(service.ready["workteams"]["private-simulated"]),
            role_arn=service.ready["role_arn"],
            title="What is it?",
            instructions="Choose one.",
        ).draft("two-pairs", "us-east-1")
        for uri, text in draft.files.items():
            hook.s3.put_object(Bucket="lab", Key=uri.removeprefix("s3://lab/"), Body=text.encode())
        hook.create_job(draft.request)
        job = wait_until(lambda: (job := hook.ground_truth.job("two-pairs")).state.has_ended and job, 60, "it ends")
        assert b'"class-name"' in hook.s3.get_object(Bucket="lab", Key=job.output_manifest_uri[9:])["Body"].read()
        assert set(masked) == {"secret-of-s3"}
        connect(endpoint_url=server.endpoint_url)
        with pytest.raises(ClientError, match="InvalidAccessKeyId"):
            LabelingHook().s3.list_buckets()
        connect(endpoint_url=server.endpoint_url, aws_access_key_id="of-s3")
        words = (
            r"aws_default can't be used: service_config.s3 in its extra has aws_access_key_id, but no aws_secret_acc"
        )
        with pytest.raises(LabelingError, match=words):
            LabelingHook().s3.list_buckets()
