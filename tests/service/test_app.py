"""The service put together from its settings."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from dev.stack import Service, StackError
from labeling_provider.cli.asking import ask
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


OF_S3, OF_API = ("of-s3", "the secret of S3"), ("of-the-api", "the secret of the API")


def keys(prefix: str, pair: tuple[str, str]) -> dict[str, str]:
    """A pair of keys, as variables or as arguments."""
    names = (f"{prefix}_access_key_id", f"{prefix}_secret_access_key")
    return dict(zip(names if prefix.islower() else map(str.upper, names), pair, strict=True))


def test_objects_and_state_can_live_elsewhere(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    objects = Service(tmp_path / "objects", env=keys("LABELING_LOCAL", OF_S3))
    database = tmp_path / "elsewhere.sqlite"
    function = "arn:aws:lambda:us-east-1:123456789012:function:consolidate"
    workforce = tmp_path / "workforce.json"
    teams = {"private-simulated": {"workers": 3, "accuracy": 1}}
    handler = "tests.functions:consolidate_as_its_role"
    workforce.write_text(json.dumps({"workteams": teams, "functions": {function: handler}}))
    elsewhere = ("--s3-endpoint", objects.endpoint_url, "--database-url", f"sqlite:///{database}")
    options = (*elsewhere, "--workforce", str(workforce))
    # Where S3's keys are found is boto3's matter.
    known = tmp_path / "credentials"
    known.write_text("[default]\n" + "".join(f"{name}={value}\n" for name, value in keys("aws", OF_S3).items()))
    sealing = {"LABELING_LOCAL_ENCRYPTION_KEY": "k" * 32}
    env = {"AWS_SHARED_CREDENTIALS_FILE": str(known), **keys("LABELING_LOCAL", OF_API), **sealing}
    service = Service(tmp_path / "service", *options, env=env)
    try:
        with pytest.raises(ClientError, match="S3 is at"):
            service.client("s3", **keys("aws", OF_API)).list_buckets()
        lab = Lab(service, service.client("s3", endpoint_url=objects.endpoint_url, **keys("aws", OF_S3)))
        lab.sagemaker = service.client("sagemaker", **keys("aws", OF_API))
        _, output = lab.run(texts(5))
        assert all("label" in line for line in output)
        melon = {"source": "melon", "truth": {"grade": "A"}}
        description, output = lab.run_custom([melon], consolidation_function=function)
        assert description["LabelingJobStatus"] == "Completed", description
        assert output[0]["label"] == {"grade": "A", "status": "InProgress", "answers": 3}
        description, _ = lab.run("s3://lab/none.manifest")
        assert "does not exist" in description["FailureReason"]
        assert database.exists()
        assert not (tmp_path / "service" / "data" / "labeling.sqlite").exists()
        for name, value in keys("LABELING_LOCAL", OF_API).items():
            monkeypatch.setenv(name, value)
        ask(service.endpoint_url, "/keys/add", {"requester": "airflow"})
        service.stop()
        for wrong in ("o" * 32, ""):
            service.env["LABELING_LOCAL_ENCRYPTION_KEY"] = wrong
            with pytest.raises(StackError, match="LABELING_LOCAL_ENCRYPTION_KEY.* Give the key from before, alone or"):
                service.start()
    finally:
        service.stop()
        objects.stop()
