"""Functions of custom tasks that misbehave end their own job, with a reason, and touch no other."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from dev.seaweedfs import KEYS
from dev.stack import wait_until
from labeling_provider.service.database import task_inputs, task_rows
from labeling_provider.service.database.database import Connection
from labeling_provider.service.database.job_rows import find_job
from labeling_provider.service.engine.functions import Function, Functions
from labeling_provider.service.failures import JobFailure, Outage, is_outage, may_pass
from tests.bad_functions import PIDS
from tests.service.in_process import FUNCTION, InProcess, Memory

HERE = "tests.bad_functions"
NOWHERE = "http://127.0.0.1:1"
"""Where nothing listens."""


BAD = {
    "hangs": "Timeout: Task timed out after 2 seconds",
    "spins": "Timeout: Task timed out after 2 seconds",
    "leaves": "process exited with 3",
    "asks_to_end": "SystemExit: enough",
    "raises_what_cannot_be_written": "ValueError: half a pair",
    "says_much": "more than 6,291,456 bytes",
}


@pytest.fixture(scope="module")
def engine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[InProcess]:
    folder = tmp_path_factory.mktemp("engine")
    os.environ[PIDS] = str(folder)
    known: dict[str, Any] = {name: f"{HERE}:{name}" for name in (*BAD, "prints", "says_whether")}
    # All others return or fail by themselves, however long that takes.
    known |= {name: {"handler": known[name], "timeout_seconds": 2} for name in ("hangs", "spins")}
    made = InProcess(folder, known)
    made.storage.objects["s3://lab/template.liquid"] = b"<crowd-form></crowd-form>"
    yield made
    made.close()


CUSTOM = {"task_type": "custom", "labels": None, "instructions": None, "ui_template_uri": "s3://lab/template.liquid"}
LINE = json.dumps({"source": "a", "truth": {"form": 1}}).encode() + b"\n"


@pytest.mark.parametrize("where", ["pre_annotation_function", "consolidation_function"])
@pytest.mark.parametrize("name", BAD)
def test_a_function_that_misbehaves_fails_its_job_and_is_named(engine: InProcess, name: str, where: str) -> None:
    description, _ = engine.run(LINE, **CUSTOM, **{where: FUNCTION + name})
    assert description["LabelingJobStatus"] == "Failed"
    assert FUNCTION + name in description["FailureReason"]
    assert BAD[name] in description["FailureReason"]


@pytest.mark.parametrize("key", ["isHumanAnnotationRequired", "humanAnnotationRequired"])
def test_a_function_says_in_any_spelling_whether_people_are_needed(engine: InProcess, key: str) -> None:
    said = [False, "false", "FALSE", "False", True, "true", "TRUE", None]
    lines = [{"source": "a", "truth": {"form": 1}, "key": key, "said": answer} for answer in said]
    manifest = "".join(json.dumps(line) + "\n" for line in lines).encode()
    description, output = engine.run(manifest, **CUSTOM, pre_annotation_function=FUNCTION + "says_whether")
    assert description["LabelingJobStatus"] == "Completed"
    assert ["label" in line for line in output] == [False] * 4 + [True] * 4
    assert "no human annotation is required" in output[0]["label-metadata"]["failure-reason"]


def test_a_function_that_does_not_say_clearly_whether_people_are_needed_is_named(engine: InProcess) -> None:
    line = {"source": "a", "truth": {"form": 1}, "key": "humanAnnotationRequired", "said": "perhaps"}
    name = FUNCTION + "says_whether"
    description, _ = engine.run(json.dumps(line).encode() + b"\n", **CUSTOM, pre_annotation_function=name)
    assert description["LabelingJobStatus"] == "Failed"
    assert f"The function {name} returned a humanAnnotationRequired" in description["FailureReason"]


def test_functions_that_never_return_hold_up_no_other_job(engine: InProcess) -> None:
    stuck = [engine.create(LINE, **CUSTOM, consolidation_function=FUNCTION + "hangs") for _ in range(3)]
    wait_until(lambda: len(list(Path(os.environ[PIDS]).glob("[0-9]*"))) >= 2, 30, "functions hang", 0.02)
    description, _ = engine.run(b'{"source": "a", "truth": "cat"}\n')
    assert description["LabelingJobStatus"] == "Completed"
    for name in stuck:
        assert engine.wait(name)["LabelingJobStatus"] == "Failed"


def test_a_job_whose_function_is_slow_can_be_stopped(engine: InProcess) -> None:
    name = engine.create(LINE * 50, **CUSTOM, pre_annotation_function=FUNCTION + "hangs")
    engine.wait(name, lambda description: description["LabelingJobStatus"] == "InProgress")
    engine.operations.call("StopLabelingJob", {"LabelingJobName": name})
    assert engine.wait(name)["LabelingJobStatus"] in {"Stopped", "Failed"}


def test_what_a_function_prints_is_not_its_answer(engine: InProcess) -> None:
    description, output = engine.run(LINE * 2, **CUSTOM, pre_annotation_function=FUNCTION + "prints")
    assert description["LabelingJobStatus"] == "Completed"
    assert [line["label"] for line in output] == [{}, {}]


def test_what_the_pre_annotation_function_makes_of_an_object_is_what_its_page_shows(tmp_path: Path) -> None:
    service = InProcess(tmp_path, {"pre": "tests.functions:pre", "deep": f"{HERE}:makes_deep_input"})
    service.storage.objects["s3://lab/template.liquid"] = b"<crowd-form></crowd-form>"
    try:
        lines = b"".join(json.dumps({"source": text, "truth": {"form": 1}}).encode() + b"\n" for text in ("a", "é<"))
        name = service.create(lines, **CUSTOM, pre_annotation_function=FUNCTION + "pre")
        assert service.wait(name)["LabelingJobStatus"] == "Completed"
        with service.store.read() as connection:
            job = find_job(connection, name)
            assert job is not None
            inputs = [task_inputs.of_object(connection, job.id, number) for number in range(3)]
            first = in_order(connection, job.id)[0]
            assert task_inputs.of_task(connection, first) == {"text": "a"}
        assert inputs == [{"text": "a"}, {"text": "é<"}, None]
        description, _ = service.run(LINE, **CUSTOM, pre_annotation_function=FUNCTION + "deep")
        assert description["LabelingJobStatus"] == "Failed"
        assert "nested more than" in description["FailureReason"]
    finally:
        service.close()


def in_order(connection: Connection, job_id: int) -> list[int]:
    """The tasks of a job, by object."""
    return [task.id for task in task_rows.submitted(connection, job_id, {0, 1})]


def test_a_process_serves_again_and_one_that_is_gone_is_replaced() -> None:
    known = Functions({"echo": Function(f"{HERE}:echoes"), "bad": Function(f"{HERE}:leaves")}, Memory())
    try:
        first, second = (known.call("echo", {"number": number}) for number in range(2))
        assert [first["event"], second["event"]] == [{"number": 0}, {"number": 1}]
        assert first["pid"] == second["pid"] != os.getpid()
        os.kill(first["pid"], 9)
        wait_until(lambda: is_gone(str(first["pid"])), 30, "the process ends", 0.02)
        assert known.call("echo", {})["pid"] != first["pid"]
        with pytest.raises(JobFailure, match="exited with 3"):
            known.call("bad", {})
    finally:
        known.close()


@pytest.mark.parametrize("name", ["tests.bad_functions:finds_s3_away", "tests.reads_when_imported:handler"])
def test_a_function_that_finds_s3_away_is_not_at_fault(monkeypatch: pytest.MonkeyPatch, name: str) -> None:
    for variable, value in {**KEYS, "AWS_ENDPOINT_URL_S3": NOWHERE}.items():
        monkeypatch.setenv(variable, value)
    known = Functions({FUNCTION + "reads": Function(name)}, Memory())
    try:
        with pytest.raises(Outage, match=f"the function {FUNCTION}reads met .*{NOWHERE}") as caught:
            known.call(FUNCTION + "reads", {})
    finally:
        known.close()
    assert is_outage(caught.value)
    assert may_pass(caught.value)
    assert len(str(caught.value)) < 700, "it may say anything"


def test_a_function_that_asks_another_place_is_at_fault(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL_S3", NOWHERE)
    known = Functions({"reads": Function(f"{HERE}:finds_s3_away")}, Memory())
    try:
        with pytest.raises(JobFailure, match="The function reads failed with ConnectTimeoutError"):
            known.call("reads", {"where": "http://127.0.0.1:2"})
    finally:
        known.close()


@pytest.mark.parametrize("name", [f"{HERE}:spins", "tests.waits_when_imported:handler"])
def test_a_function_that_takes_too_long_is_not_at_fault_while_s3_is_away(
    monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("labeling_provider.service.cloud.processes._START_SECONDS", 3.0)
    objects = Memory()
    known = Functions({"slow": Function(name, timeout_seconds=0.5)}, objects)
    late = r"(Timeout|Runtime\.InitError): .* seconds"
    try:
        with pytest.raises(JobFailure, match=f"The function slow failed with {late}"):
            known.call("slow", {})
        objects.down = ConnectionError("S3 hangs")
        with pytest.raises(Outage, match=f"the function slow met {late}"):
            known.call("slow", {})
    finally:
        known.close()


def test_a_call_ends_with_the_service(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(PIDS, str(tmp_path))
    service = InProcess(tmp_path, {"hangs": f"{HERE}:hangs"})
    service.storage.objects["s3://lab/template.liquid"] = b"<crowd-form></crowd-form>"
    name = service.create(LINE, **CUSTOM, consolidation_function=FUNCTION + "hangs")
    (pid,) = wait_until(lambda: list(tmp_path.glob("[0-9]*")), 30, "the function hangs", 0.02)
    service.close()
    wait_until(lambda: is_gone(pid.name), 30, "its process ends", 0.02)
    assert service.describe(name)["LabelingJobStatus"] == "InProgress", "it goes on at the next start"


def is_gone(pid: str) -> bool:
    """Whether a process has ended with all its threads, waited for or not."""
    process = Path(f"/proc/{pid}")
    try:
        return "\nState:\tZ" in (process / "status").read_text() and len(list((process / "task").iterdir())) == 1
    except (FileNotFoundError, ProcessLookupError):
        return True
