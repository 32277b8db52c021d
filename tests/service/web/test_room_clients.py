"""Unmodified clients: boto3 is used everywhere else; here aiobotocore and the AWS command line."""

from __future__ import annotations

import asyncio
import json
import os
import subprocess
from pathlib import Path
from typing import Any

import pytest

from dev.stack import BIN, PATIENCE
from tests.conftest import Lab, texts

CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": "us-east-1"}


def aws(lab: Lab, *arguments: str) -> Any:
    """What the AWS command line answers."""
    command = [str(BIN / "aws"), "--endpoint-url", lab.service.endpoint_url, "--output", "json", *arguments]
    done = subprocess.run(
        command, env={**os.environ, **CREDENTIALS}, check=False, capture_output=True, text=True, timeout=PATIENCE * 60
    )
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout) if done.stdout.strip() else None


@pytest.mark.once
def test_the_aws_command_line_runs_the_request_of_amazons_guide(lab: Lab, tmp_path: Path) -> None:
    """The guide's request (page "Image Classification (Single Label)"), with names filled in."""
    picture = lab.put("guide/example.png", b"")
    manifest = lab.manifest([{"source-ref": picture, "truth": "Label 1"}])
    labels = [{"label": f"Label {number}"} for number in (1, 2)]
    lab.put("guide/categories.json", json.dumps({"document-version": "2018-11-28", "labels": labels}))
    lab.put("guide/template.html", "<crowd-form></crowd-form>")
    functions = "arn:aws:lambda:us-east-1:432418664414:function:"
    request = {
        "LabelingJobName": "example-image-classification-labeling-job",
        "LabelAttributeName": "label",
        "InputConfig": {
            "DataSource": {"S3DataSource": {"ManifestS3Uri": manifest}},
            "DataAttributes": {"ContentClassifiers": ["FreeOfPersonallyIdentifiableInformation", "FreeOfAdultContent"]},
        },
        "OutputConfig": {"S3OutputPath": "s3://lab/guide/output", "KmsKeyId": "arn:aws:kms:us-east-1:1:key/a"},
        "RoleArn": lab.role,
        "LabelCategoryConfigS3Uri": "s3://lab/guide/categories.json",
        "StoppingConditions": {"MaxHumanLabeledObjectCount": 123, "MaxPercentageOfInputDatasetLabeled": 100},
        "HumanTaskConfig": {
            "WorkteamArn": lab.team(),
            "UiConfig": {"UiTemplateS3Uri": "s3://lab/guide/template.html"},
            "PreHumanTaskLambdaArn": f"{functions}PRE-ImageMultiClass",
            "TaskKeywords": ["Image classification"],
            "TaskTitle": "Image classification task",
            "TaskDescription": "Carefully inspect the image and classify it by selecting one label.",
            "NumberOfHumanWorkersPerDataObject": 1,
            "TaskTimeLimitInSeconds": 3600,
            "TaskAvailabilityLifetimeInSeconds": 21600,
            "MaxConcurrentTaskCount": 1000,
            "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": f"{functions}ACS-ImageMultiClass"},
        },
        "Tags": [{"Key": "string", "Value": "string"}],
    }
    path = tmp_path / "request.json"
    path.write_text(json.dumps(request))
    created = aws(lab, "sagemaker", "create-labeling-job", "--cli-input-json", f"file://{path}")
    assert created["LabelingJobArn"].endswith("/example-image-classification-labeling-job")
    lab.wait(request["LabelingJobName"])
    described = aws(lab, "sagemaker", "describe-labeling-job", "--labeling-job-name", request["LabelingJobName"])
    assert described["LabelingJobStatus"] == "Completed"
    output = tmp_path / "output.manifest"
    aws(lab, "s3", "cp", described["LabelingJobOutput"]["OutputDatasetS3Uri"], str(output), "--no-progress", "--quiet")
    assert json.loads(output.read_text())["label-metadata"]["class-name"] == "Label 1"
    listed = aws(lab, "sagemaker", "list-labeling-jobs", "--name-contains", "example-image", "--max-results", "1")
    assert [job["LabelingJobName"] for job in listed["LabelingJobSummaryList"]] == [request["LabelingJobName"]]


def test_aiobotocore_creates_and_follows_a_job(lab: Lab) -> None:
    from aiobotocore.session import get_session

    request = lab.request(texts(5))

    async def run() -> str:
        arguments = {
            "endpoint_url": lab.service.endpoint_url,
            "region_name": "us-east-1",
            "aws_access_key_id": "local",
            "aws_secret_access_key": "local",
        }
        async with get_session().create_client("sagemaker", **arguments) as client:
            await client.create_labeling_job(**request)
            while True:
                job = await client.describe_labeling_job(LabelingJobName=request["LabelingJobName"])
                if job["LabelingJobStatus"] == "Completed":
                    return str(job["LabelingJobOutput"]["OutputDatasetS3Uri"])
                await asyncio.sleep(0.05)

    assert len(lab.get(asyncio.run(asyncio.wait_for(run(), 30))).splitlines()) == 5


def test_the_other_services_answer_on_the_same_endpoint(lab: Lab) -> None:
    sns, sqs = lab.service.client("sns"), lab.service.client("sqs")
    topic = sns.create_topic(Name="news")["TopicArn"]
    queue = sqs.create_queue(QueueName="news")["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=queue, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn, Attributes={"RawMessageDelivery": "true"})
    sns.publish(TopicArn=topic, Message="hello")
    (message,) = sqs.receive_message(QueueUrl=queue)["Messages"]
    assert message["Body"] == "hello"
    assert lab.service.client("sts").get_caller_identity()["Account"] == "123456789012"
    assert lab.service.client("iam").get_role(RoleName="labeling-local")["Role"]["Arn"] == lab.role


def test_an_empty_object_can_be_stored(lab: Lab) -> None:
    assert lab.get(lab.put("empty", b"")) == b""
