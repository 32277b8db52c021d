"""What the tests share: a local service, and short ways to make jobs in it."""

from __future__ import annotations

import gc
import json
import logging
import os
import re
import tempfile
from collections.abc import Callable, Iterator, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import pytest
from hypothesis import settings

# Airflow reads its configuration when it is first imported.
os.environ["AIRFLOW_HOME"] = tempfile.mkdtemp(prefix="labeling-tests-airflow-")
os.environ["AIRFLOW__CORE__LOAD_EXAMPLES"] = "False"

from botocore.loaders import JSONFileLoader

from dev.forks import Importer
from dev.stack import Service, wait_until
from labeling_provider.request import LabelingJobSpec, PrivateWorkteam
from tests.own_names import own_id

Lines = Sequence[dict[str, Any]] | str | None
"""Lines of a manifest, the URI of one, or none for a streaming job."""
ENDED = {"Completed", "Failed", "Stopped"}

# What is imported is no garbage, and looking for some in it took a sixth of the time of many tests.
gc.disable()

# How long an example takes says something of the machine, and nothing of the code.
settings.register_profile("tests", deadline=None)
settings.load_profile("tests")


# Each session of botocore reads its models again, megabytes of JSON: a third of the processor time of these tests.
_read_model = cache(JSONFileLoader().load_file)
JSONFileLoader.load_file = lambda _, file_path: _read_model(file_path)


@cache
def service_importer() -> Importer:
    """What the services are forked from that tests start: importing everything is nine tenths of a start."""
    return Importer("dev.forked_service", env=os.environ, log=2)


Service.importer = staticmethod(service_importer)


def pytest_collection_finish() -> None:
    """From here on there is garbage, but none in what is there by now."""
    gc.freeze()
    gc.enable()


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """Tests of the shared Airflow come last: while it waits for others, it takes their processor time."""
    items.sort(key=lambda item: "stack" in getattr(item, "fixturenames", ()))


class Lab:
    """A service with clients and helpers.

    :param service: the running service.
    :param s3: a client of the S3 beside it, if that is not its own.
    """

    def __init__(self, service: Service, s3: Any = None) -> None:
        self.service = service
        self.bucket = "lab"
        self.connect()
        self.s3 = s3 or self.s3
        if self.bucket not in {bucket["Name"] for bucket in self.s3.list_buckets()["Buckets"]}:
            self.s3.create_bucket(Bucket=self.bucket)

    def connect(self) -> None:
        """Make clients for where the service listens now."""
        self.sagemaker = self.service.client("sagemaker")
        self.s3 = self.service.client("s3")

    @property
    def role(self) -> str:
        return self.service.ready["role_arn"]

    def team(self, name: str = "private-simulated") -> str:
        return self.service.ready["workteams"][name]

    @property
    def people(self) -> PrivateWorkteam:
        """A workteam of people, of whom none works unless a test does it for them."""
        return PrivateWorkteam(self.team("private-people"))

    def put(self, key: str, body: bytes | str) -> str:
        """Store an object; its URI."""
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=body.encode() if isinstance(body, str) else body)
        return f"s3://{self.bucket}/{key}"

    def get(self, uri: str) -> bytes:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return self.s3.get_object(Bucket=bucket, Key=key)["Body"].read()

    def keys(self, prefix: str) -> list[str]:
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def manifest(self, lines: Sequence[dict[str, Any]]) -> str:
        """Store a manifest; its URI."""
        return self.put(f"in/{own_id()}.manifest", "".join(json.dumps(line) + "\n" for line in lines))

    def text_job(self) -> dict[str, Any]:
        """Arguments of a text classification job by good workers, all but its manifest."""
        return {
            "task_type": "text-classification",
            "output_uri": f"s3://{self.bucket}/out",
            "labels": ["cat", "dog", "bird"],
            "workforce": PrivateWorkteam(self.team()),
            "role_arn": self.role,
            "title": "What is it?",
            "instructions": "Choose one.",
            "workers_per_object": 3,
        }

    def spec(self, lines: Lines, **arguments: Any) -> LabelingJobSpec:
        """A text classification job over some lines, unless the arguments say otherwise."""
        manifest = lines if lines is None or isinstance(lines, str) else self.manifest(lines)
        return LabelingJobSpec(**{**self.text_job(), "manifest_uri": manifest, **arguments})

    def request(self, lines: Lines, name: str | None = None, **arguments: Any) -> dict[str, Any]:
        """A request whose files are stored."""
        draft = self.spec(lines, **arguments).draft(name or f"job-{own_id().hex[:12]}", "us-east-1")
        for uri, text in draft.files.items():
            self.put(uri.removeprefix(f"s3://{self.bucket}/"), text)
        return draft.request

    def create(self, lines: Lines, name: str | None = None, **arguments: Any) -> str:
        """Create a job; its name."""
        request = self.request(lines, name, **arguments)
        self.sagemaker.create_labeling_job(**request)
        return str(request["LabelingJobName"])

    def describe(self, name: str) -> dict[str, Any]:
        return self.sagemaker.describe_labeling_job(LabelingJobName=name)

    def wait(self, name: str, statuses: set[str] = ENDED, seconds: float = 60) -> dict[str, Any]:
        """Wait until a job has one of the statuses; its description."""

        def reached() -> dict[str, Any] | None:
            description = self.describe(name)
            return description if description["LabelingJobStatus"] in statuses else None

        return wait_until(reached, seconds, f"{name} is {' or '.join(sorted(statuses))}", 0.05)

    def run(self, lines: Lines, **arguments: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Run a job to its end; its description and its output lines."""
        description = self.wait(self.create(lines, **arguments))
        return description, self.output(description)

    def run_custom(self, lines: Lines, **functions: str) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Run a job with a template and functions of one's own to its end; its description and its output lines."""
        template = self.put("template.liquid", "<crowd-form></crowd-form>")
        own = {"task_type": "custom", "labels": None, "instructions": None, "ui_template_uri": template}
        return self.run(lines, **own, **functions)

    def output(self, description: dict[str, Any]) -> list[dict[str, Any]]:
        """The lines of a job's output manifest; empty if there is none."""
        uri = description.get("LabelingJobOutput", {}).get("OutputDatasetS3Uri")
        return [json.loads(line) for line in self.get(uri).splitlines()] if uri else []


def without_marks(page: str) -> str:
    """A page without what isolates a text from outside and says where it may go on in the next line."""
    return re.sub("</?bdi>|<wbr>", "", page)


def texts(count: int, truths: Sequence[Any] = ("cat", "dog", "bird")) -> list[dict[str, Any]]:
    """Manifest lines of short texts, with the truth on each."""
    return [{"source": f"text {number}", "truth": truths[number % len(truths)]} for number in range(count)]


@pytest.fixture(scope="session")
def lab(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """One service for all tests that don't need one of their own; ten workers who are never wrong."""
    folder = tmp_path_factory.mktemp("lab")
    workforce = folder / "workforce.json"
    workforce.write_text(
        json.dumps(
            {
                "workteams": {
                    "private-simulated": {"workers": 10, "accuracy": 1},
                    "slow": {"workers": 2, "accuracy": 1, "seconds_per_task": 3600},
                    "steady": {"workers": 1, "accuracy": 1, "seconds_per_task": 0.6},
                    "moody": {"workers": 10, "accuracy": 1, "declined": 0.4},
                    "reluctant": {"workers": 10, "declined": 1},
                    "careless": {"workers": 10, "accuracy": 0.8},
                    "hasty": {"workers": 10, "accuracy": 0},
                    "one-hasty": {"workers": 5, "accuracy": [1, 1, 1, 1, 0]},
                },
                "functions": {
                    f"arn:aws:lambda:us-east-1:123456789012:function:{name}": f"tests.functions:{name}"
                    for name in ("pre", "pre_skips", "consolidate", "broken")
                },
            }
        )
    )
    service = Service(folder, "--workforce", str(workforce), env={"PYTHONPATH": str(Path(__file__).parent.parent)})
    yield Lab(service)
    service.stop()


@pytest.fixture(scope="session")
def amazon(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Lab]:
    """A second service, which stands for Amazon where jobs move from there to ``lab``."""
    folder = tmp_path_factory.mktemp("amazon")
    workforce = folder / "workforce.json"
    workforce.write_text(json.dumps({"workteams": {"private-simulated": {"workers": 10, "accuracy": 1}}}))
    service = Service(folder, "--workforce", str(workforce), env={"PYTHONPATH": str(Path(__file__).parent.parent)})
    yield Lab(service)
    service.stop()


@pytest.fixture
def connected(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> Lab:
    """The service as Airflow's connection ``aws_default``."""
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", lab.service.connection())
    return lab


@pytest.fixture
def logged(capsys: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture) -> Callable[[], str]:
    """Gives what was logged since it was asked last: operators log by structlog, plain modules by logging."""
    caplog.set_level(logging.INFO, "labeling_provider")

    def text() -> str:
        output = capsys.readouterr().out + caplog.text
        caplog.clear()
        return output

    return text
