"""The command line, the workforce file and the truth file."""

from __future__ import annotations

import json
import subprocess
import sys
import time
from itertools import pairwise
from pathlib import Path

import pytest
from botocore.exceptions import ClientError

from dev.stack import BIN, Service
from labeling_provider.request import PrivateWorkteam
from labeling_provider.service.work.workforce import WorkforceFileError, load_workforce
from tests.conftest import Lab, texts


def command(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([str(BIN / "labeling"), *arguments], capture_output=True, text=True, timeout=60, check=False)


def test_help_explains_every_option() -> None:
    text = command("local", "--help").stdout
    for option in (
        "--host",
        "--port",
        "--data-dir",
        "--database-url",
        "--s3-endpoint",
        "--region",
        "--truth",
        "--workforce",
        "--seed",
    ):
        assert option in text
    same = subprocess.run(
        [sys.executable, "-m", "labeling_provider.service", "--help"], capture_output=True, text=True, check=True
    )
    assert same.stdout == text
    assert command("--help").returncode == 0
    assert command("remote").returncode == 2


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (("--region", "eu-north-1"), "eu-north-1 has no Ground Truth"),
        (("--truth", "/no/such/file"), "/no/such/file"),
        (("--workforce", "/no/such/file"), "/no/such/file"),
        (("--speed", "0"), "greater than 0"),
        (("--host", "127.0.0.1", "--port", "99999"), "--port 99999 is not a valid port"),
        (("--data-dir", "/dev/null/x"), "/dev/null/x"),
    ],
)
def test_an_option_that_cannot_be_followed_is_named(arguments: tuple[str, ...], words: str) -> None:
    done = command("local", *arguments)
    assert done.returncode == 2
    assert words in done.stderr
    assert "Traceback" not in done.stderr


def test_it_serves_the_region_it_is_told(tmp_path: Path) -> None:
    service = Service(tmp_path, "--region", "eu-west-1")
    try:
        assert service.ready["region"] == "eu-west-1"
        assert ":eu-west-1:" in service.ready["workteams"]["public"]
        assert service.client("sagemaker").list_labeling_jobs()["LabelingJobSummaryList"] == []
    finally:
        service.stop()


def test_a_local_truth_file_is_what_workers_answer_from(tmp_path: Path) -> None:
    truth = tmp_path / "truth.jsonl"
    truth.write_text('{"source": "it barks", "truth": "dog"}\n')
    workforce = tmp_path / "workforce.json"
    workforce.write_text(json.dumps({"workteams": {"private-simulated": {"workers": 3, "accuracy": 1}}}))
    service = Service(tmp_path, "--truth", str(truth), "--workforce", str(workforce))
    try:
        lab = Lab(service)
        _, output = lab.run([{"source": "it barks"}])
        assert output[0]["label-metadata"]["class-name"] == "dog"
    finally:
        service.stop()


def test_a_truth_file_in_s3_may_come_after_the_start_and_may_change(tmp_path: Path) -> None:
    service = Service(tmp_path, "--truth", "s3://lab/truth.jsonl", "--seed", "5")
    try:
        lab = Lab(service)
        for animal in ("dog", "bird"):
            lab.put("truth.jsonl", json.dumps({"source": "animal", "truth": animal}))
            _, output = lab.run([{"source": "animal"}], workers_per_object=9)
            assert output[0]["label-metadata"]["class-name"] == animal
        lab.put("truth.jsonl", '{"source": "animal"}')
        description, _ = lab.run([{"source": "animal"}])
        assert "s3://lab/truth.jsonl line 1" in description["FailureReason"]
    finally:
        service.stop()


def test_the_same_seed_gives_the_same_answers(tmp_path: Path) -> None:
    outputs = []
    for number, seed in enumerate(("1", "1", "2")):
        service = Service(tmp_path / str(number), "--seed", seed)
        try:
            lab = Lab(service)
            _, output = lab.run(lab.manifest(texts(120)), name="seeded", workers_per_object=1)
            outputs.append([line["label"] for line in output])
        finally:
            service.stop()
    assert outputs[0] == outputs[1] != outputs[2]


def test_tasks_run_out_of_time_and_objects_expire(tmp_path: Path) -> None:
    workforce = tmp_path / "workforce.json"
    teams = {"private-simulated": {"workers": 3, "accuracy": 1, "seconds_per_task": 300}}
    workforce.write_text(json.dumps({"workteams": teams}))
    service = Service(tmp_path, "--workforce", str(workforce), "--speed", "200")
    try:
        lab = Lab(service)
        started = time.monotonic()
        description, output = lab.run(texts(2), time_limit=30, availability=120)
        assert time.monotonic() - started >= 120 / 200
        assert description["LabelingJobStatus"] == "Completed"
        assert description["LabelCounters"]["FailedNonRetryableError"] == 2
        assert all("expired" in line["label-metadata"]["failure-reason"] for line in output)
        people = PrivateWorkteam(lab.team("private-people"))
        description, _ = lab.run(texts(2), availability=60, workforce=people)
        assert description["LabelCounters"]["FailedNonRetryableError"] == 2
    finally:
        service.stop()


def test_a_job_of_more_than_thirty_days_fails(tmp_path: Path) -> None:
    service = Service(tmp_path, "--speed", "2000000")
    try:
        lab = Lab(service)
        name = lab.create(texts(2), workforce=PrivateWorkteam(lab.team("private-people")))
        description = lab.wait(name)
        assert description["LabelingJobStatus"] in {"Failed", "Completed"}
        assert "label" not in lab.output(description)[0]
    finally:
        service.stop()


def test_workers_do_one_task_at_a_time(tmp_path: Path) -> None:
    workforce = tmp_path / "workforce.json"
    teams = {"private-simulated": {"workers": 2, "accuracy": 1, "seconds_per_task": 0.05}}
    workforce.write_text(json.dumps({"workteams": teams}))
    service = Service(tmp_path, "--workforce", str(workforce))
    try:
        lab = Lab(service)
        names = [lab.create(texts(15), workers_per_object=2) for _ in range(2)]
        spans: dict[str, list[tuple[str, str]]] = {}
        for name in names:
            lab.wait(name)
            for key in lab.keys(f"out/{name}/annotations/worker-response/"):
                for answer in json.loads(lab.get(f"s3://lab/{key}"))["answers"]:
                    times = (answer["acceptanceTime"], answer["submissionTime"])
                    spans.setdefault(answer["workerId"], []).append(times)
        assert len(spans) == 2
        for times in spans.values():
            ordered = sorted(times)
            assert all(before[1] <= after[0] for before, after in pairwise(ordered))
    finally:
        service.stop()


def test_objects_and_state_can_live_elsewhere(tmp_path: Path) -> None:
    keys = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local"}
    objects = Service(tmp_path / "objects")
    database = tmp_path / "elsewhere.sqlite"
    options = ("--s3-endpoint", objects.endpoint_url, "--database-url", f"sqlite:///{database}")
    service = Service(tmp_path / "service", *options, env=keys)
    try:
        with pytest.raises(ClientError, match="S3 is at"):
            service.client("s3").list_buckets()
        elsewhere = service.client("s3", endpoint_url=objects.endpoint_url)
        lab = Lab(service, elsewhere)
        _, output = lab.run(texts(5))
        assert all("label" in line for line in output)
        description, _ = lab.run("s3://lab/none.manifest")
        assert "does not exist" in description["FailureReason"]
        assert database.exists()
        assert not (tmp_path / "service" / "data" / "labeling.sqlite").exists()
    finally:
        service.stop()
        objects.stop()


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ("{", "can't be read as JSON"),
        ("[]", "the file must be a JSON object"),
        ('{"teams": {}}', "unknown key 'teams'"),
        ('{"workteams": {"a": {"worker": 1}}}', "workteams.a.worker is unknown"),
        ('{"workteams": {"a": {"workers": 0}}}', "workteams.a.workers must be"),
        ('{"workteams": {"a": {"accuracy": 1.5}}}', "workteams.a.accuracy must be"),
        ('{"workteams": {"a": {"workers": 2, "accuracy": [1]}}}', "lists 1 values for 2 workers"),
        ('{"workteams": {"a": {"seconds_per_task": -1}}}', "seconds_per_task must be"),
        ('{"workteams": {"a": {"declined": "half"}}}', "workteams.a.declined must be"),
        ('{"workteams": {"private-people": {}}}', "is for people"),
        ('{"seed": "x"}', "seed must be"),
        ('{"functions": {"arn": "os.path"}}', "functions.arn must be 'module:callable'"),
        ('{"functions": {"arn": "no.such:thing"}}', "can't be imported"),
        ('{"functions": {"arn": "os:sep"}}', "is not callable"),
        ('{"functions": {"arn": "tests.raises_at_import:pre"}}', "can't be imported: not today"),
        ('{"functions": {"arn": {"path": "os:getcwd"}}}', "functions.arn.path is unknown"),
        ('{"functions": {"arn": {"handler": "os:getcwd", "timeout_seconds": 0}}}', "timeout_seconds must be"),
        ('{"functions": {"arn": {"handler": "os:getcwd", "timeout_seconds": NaN}}}', "timeout_seconds must be"),
        ("[" * 50_000, "can't be read as JSON"),
    ],
)
def test_a_workforce_file_is_checked_key_by_key(tmp_path: Path, content: str, words: str) -> None:
    path = tmp_path / "workforce.json"
    path.write_text(content)
    with pytest.raises(WorkforceFileError) as caught:
        load_workforce(path, seed=0, region="us-east-1", account="123456789012")
    assert str(path) in str(caught.value)
    assert words in str(caught.value)
