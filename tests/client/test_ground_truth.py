"""Ground Truth by a boto3 session alone, without Airflow."""

from __future__ import annotations

from typing import Any

import pytest
from botocore.exceptions import ClientError, ConnectionClosedError

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import LabelingError
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts


def test_it_says_where_it_is(lab: Lab, client: GroundTruth) -> None:
    assert (client.region, client.partition, client.is_amazon) == ("us-east-1", "aws", False)
    assert client.endpoint_url == lab.service.endpoint_url


def test_settings_are_the_client_s(client: GroundTruth) -> None:
    prepared: list[Any] = []
    sns = client.client("sns", prepared.append, read_timeout=7)
    assert sns.meta.config.read_timeout == 7
    assert prepared == [sns.now]


def test_a_job_is_found_stopped_and_noted_on(lab: Lab, client: GroundTruth) -> None:
    assert client.find_job("nobody") is None
    with pytest.raises(LabelingError, match="nobody no longer exists"):
        client.job("nobody")
    with pytest.raises(LabelingError, match="no labeling job named nobody in us-east-1"):
        client.stop_job("nobody")
    request = lab.request(texts(2), workforce=lab.people)
    job = client.create_job(request)
    assert job.name == request["LabelingJobName"]
    assert client.create_job(request).arn == job.arn
    assert client.stop_job(job.name, {"reason": "tea"}) is True
    assert client.job(job.name).tags == {"reason": "tea"}
    lab.wait(job.name)
    assert client.stop_job(job.name) is False


def test_a_lost_answer_makes_no_second_job(lab: Lab, client: GroundTruth, monkeypatch: pytest.MonkeyPatch) -> None:
    real = client.sagemaker.create_labeling_job

    def lose_the_answer(**request: Any) -> None:
        real(**request)
        raise ConnectionClosedError(endpoint_url="https://nowhere")

    monkeypatch.setattr(client.sagemaker, "create_labeling_job", lose_the_answer)
    request = lab.request(texts(2))
    assert client.create_job(request).name == request["LabelingJobName"]


def test_a_model_that_may_not_be_asked_for_is_taken_for_granted(
    client: GroundTruth, monkeypatch: pytest.MonkeyPatch
) -> None:
    arn = "arn:aws:sagemaker:us-east-1:123456789012:model/nobody"
    assert client.has_model(arn) is False

    def refuse(**request: Any) -> None:
        raise ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeModel")

    monkeypatch.setattr(client.sagemaker, "describe_model", refuse)
    assert client.has_model(arn) is True


def test_who_gives_up_says_after_how_long(lab: Lab) -> None:
    impatient = ground_truth(lab, "http://127.0.0.1:9", outage=0)
    with pytest.raises(LabelingError, match="Describing labeling job nobody: no answer for 0 s"):
        impatient.find_job("nobody")
