"""The service put together from its settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from dev.stack import Service
from tests.conftest import Lab, texts


def test_it_serves_the_region_it_is_told_with_the_truth_it_is_given(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    truth.write_text('{"source": "it barks", "truth": "dog"}\n')
    workforce = tmp_path / "workforce.json"
    workforce.write_text(json.dumps({"workteams": {"private-simulated": {"workers": 3, "accuracy": 1}}}))
    options = ("--region", "eu-west-1", "--truth", str(truth), "--workforce", str(workforce))
    service = Service(tmp_path, *options)
    try:
        assert service.ready["region"] == "eu-west-1"
        assert ":eu-west-1:" in service.ready["workteams"]["public"]
        assert service.client("sagemaker").list_labeling_jobs()["LabelingJobSummaryList"] == []
        service.client("s3").create_bucket(Bucket="lab", CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
        lab = Lab(service)
        draft = lab.spec([{"source": "it barks"}]).draft("barks", "eu-west-1")
        for uri, text in draft.files.items():
            lab.put(uri.removeprefix("s3://lab/"), text)
        lab.sagemaker.create_labeling_job(**draft.request)
        output = lab.output(lab.wait("barks"))
        assert output[0]["label-metadata"]["class-name"] == "dog"
    finally:
        service.stop()


def test_objects_and_state_can_live_elsewhere(tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    objects = Service(tmp_path / "objects")
    database = tmp_path / "elsewhere.sqlite"
    function = "arn:aws:lambda:us-east-1:123456789012:function:consolidate"
    workforce = tmp_path / "workforce.json"
    teams = {"private-simulated": {"workers": 3, "accuracy": 1}}
    workforce.write_text(json.dumps({"workteams": teams, "functions": {function: "tests.functions:consolidate"}}))
    elsewhere = ("--s3-endpoint", objects.endpoint_url, "--database-url", f"sqlite:///{database}")
    options = (*elsewhere, "--workforce", str(workforce))
    service = Service(tmp_path / "service", *options, env=keys)
    try:
        with pytest.raises(ClientError, match="S3 is at"):
            service.client("s3").list_buckets()
        lab = Lab(service, service.client("s3", endpoint_url=objects.endpoint_url))
        _, output = lab.run(texts(5))
        assert all("label" in line for line in output)
        _, output = lab.run(
            [{"source": "melon", "truth": {"grade": "A"}}],
            task_type="custom",
            labels=None,
            instructions=None,
            ui_template_uri=lab.put("template.liquid", "<crowd-form></crowd-form>"),
            consolidation_function=function,
        )
        assert output[0]["label"] == {"grade": "A"}
        description, _ = lab.run("s3://lab/none.manifest")
        assert "does not exist" in description["FailureReason"]
        assert database.exists()
        assert not (tmp_path / "service" / "data" / "labeling.sqlite").exists()
    finally:
        service.stop()
        objects.stop()
