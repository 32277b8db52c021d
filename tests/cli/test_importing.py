"""``labeling import``, as the page on moving from Amazon tells it."""

from __future__ import annotations

import json
import os
import shlex
import signal
from multiprocessing import get_context
from pathlib import Path
from random import Random

import pytest

from dev.stack import ROOT
from labeling_provider.cli import main
from labeling_provider.cli.importing import parser
from labeling_provider.errors import LabelingError
from labeling_provider.jobs.moving import JobMove
from labeling_provider.jobs.moving_parts import Entry, Outcome
from labeling_provider.request import PrivateWorkteam
from labeling_provider.service.work.workforce import load_workforce
from tests.conftest import Lab, texts
from tests.flaky import proxy
from tests.jobs.moves import UNKNOWN, arguments_for, arn_of_team, make_team, people_of_team
from tests.jobs.moves import make as make_job
from tests.own_names import own_id
from tests.snippets import blocks

NOWHERE = "http://127.0.0.1:9"
PAGE = ROOT / "docs" / "moving-from-amazon.md"
ARN = "arn:aws:lambda:us-east-1:111122223333:function:PreRecipe"


@pytest.fixture
def name() -> str:
    """A name that no other test has."""
    return f"c{own_id().hex[:10]}"


def where(amazon: Lab, lab: Lab) -> list[str]:
    return [
        *("import", "--from-endpoint", amazon.service.endpoint_url, "--region", "us-east-1"),
        *("--endpoint-url", lab.service.endpoint_url),
    ]


def commands(word: str) -> list[list[str]]:
    """The page's commands of one kind, without ``labeling`` and the word."""
    lines = [shlex.split(line) for block in blocks(PAGE, "") for line in block.splitlines()]
    return [line[2:] for line in lines if line[:2] == ["labeling", word]]


def test_the_pages_commands_are_understood() -> None:
    from labeling_provider.cli.workers import parser as workers
    from labeling_provider.service.__main__ import parser as local

    assert len([parser().parse_args(line) for line in commands("import")]) >= 8
    assert len([local().parse_args(line) for line in commands("local")]) == 2
    assert len([workers().parse_args(line) for line in commands("workers")]) == 2
    first = next(line for block in blocks(PAGE, "") for line in block.splitlines())
    assert first == "pip install 'airflow-provider-labeling[local]'"


def test_the_pages_way_is_walked(
    amazon: Lab, lab: Lab, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(amazon, name)
    dry, wet, *_ = commands("import")
    for command, outcome in ((dry, "would be made"), (wet, "made"), (wet, "already there")):
        given = [lab.service.endpoint_url if word == "http://127.0.0.1:4566" else word for word in command]
        at = given.index("--from-amazon")
        given[at : at + 1] = ["--from-endpoint", amazon.service.endpoint_url]
        assert main(["import", *given, name]) == 0
        out = capsys.readouterr().out
        (line,) = [line for line in out.splitlines() if " labeling job " in line]
        assert line.startswith(f"{outcome} ")
        assert name in line
    python, dag = blocks(PAGE, "python")
    names: dict = {}
    exec(compile(python.replace("http://127.0.0.1:4566", lab.service.endpoint_url), "page", "exec"), names)
    assert [json.loads(line)["label"] for line in names["labels_of"](name).splitlines()] == [0, 1]
    exec(compile(dag, "page", "exec"), names)
    assert names["label"].role_arn == lab.role
    assert names["label"].workforce.arn.rpartition("/")[0] == lab.team().rpartition("/")[0]


def test_airflow_connections_name_both_ends(
    amazon: Lab, connected: Lab, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    make_job(amazon, name)
    monkeypatch.setenv("AIRFLOW_CONN_OLD", amazon.service.connection())
    ends = ["--from-endpoint", amazon.service.endpoint_url, "--aws-conn-id", "old", "--to-aws-conn-id", "aws_default"]
    assert main(["import", *ends, "--name", name]) == 0
    assert f"labeling job    {name}" in capsys.readouterr().out
    assert connected.describe(name)["LabelingJobStatus"] == "Completed"


def test_an_endpoint_in_the_environment_is_the_target_and_never_amazon(
    lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_ENDPOINT_URL", lab.service.endpoint_url)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "local")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "local")
    seen: list[tuple[str, str]] = []

    def run(move: JobMove, _: object) -> list[Entry]:
        seen.append((move._source.endpoint_url, move._target.endpoint_url))
        return []

    monkeypatch.setattr(JobMove, "check", lambda _: None)
    monkeypatch.setattr(JobMove, "run", run)
    assert main(["import", "--from-amazon", "--region", "eu-west-1"]) == 0
    assert seen == [("https://api.sagemaker.eu-west-1.amazonaws.com", lab.service.endpoint_url)]
    assert "Nothing was imported." in capsys.readouterr().out


def test_a_run_that_is_killed_anywhere_goes_on_with_the_next(
    amazon: Lab, lab: Lab, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    done, going, streaming = names = [f"{name}-{state}" for state in ("done", "going", "stream")]
    make_team(amazon, name, "Ada", "Grace")
    team, topic = PrivateWorkteam(arn_of_team(amazon, name)), f"arn:aws:sns:us-east-1:123456789012:{name}"
    make_job(amazon, done, [*texts(2), UNKNOWN])
    pictures = [{"source-ref": amazon.put(f"{name}/{number}.png", "x")} for number in range(2)]
    amazon.create(pictures, going, **arguments_for(going, task_type="image-classification", workforce=team))
    amazon.service.client("sns").create_topic(Name=name)
    amazon.create(None, streaming, **arguments_for(streaming, input_topic_arn=topic, workforce=team))
    for begun in (going, streaming):
        amazon.wait(begun, {"InProgress"})
    chance, forks = Random(20_261_127), get_context("forkserver")
    forks.set_forkserver_preload(["boto3", "labeling_provider.cli.importing", "labeling_provider.jobs.moving"])
    with proxy(lab) as target:
        command = [*where(amazon, lab)[:-1], target.url, "--name", f"{name}-*"]
        killed = 0
        while True:
            run = forks.Process(target=main, args=(command,))
            left, is_answered = chance.randrange(15, 60), chance.random() < 0.5

            def fault(_: str) -> str | None:
                nonlocal left
                left -= 1
                if left or run.pid is None:  # noqa: B023 - of this turn
                    return None
                os.kill(run.pid, signal.SIGKILL)  # noqa: B023
                return None if is_answered else "drop"  # noqa: B023

            target.fault = fault  # type: ignore[method-assign]
            run.start()
            run.join()
            if run.exitcode != -signal.SIGKILL:
                break
            killed += 1
    assert killed >= 3
    capsys.readouterr()
    assert main([*where(amazon, lab), "--name", f"{name}-*"]) == 0
    lines = capsys.readouterr().out.splitlines()
    assert [line.split()[4] for line in lines if " labeling job " in line] == names
    assert all(line.startswith("already there") for line in lines[:-1])
    assert lab.wait(done)["LabelingJobStatus"] == "Completed"
    for key in amazon.keys(f"{done}/"):
        assert lab.get(f"s3://lab/{key}") == amazon.get(f"s3://lab/{key}"), key
    assert lab.wait(going, {"InProgress"})["LabelCounters"]["Unlabeled"] == 2
    assert lab.keys(f"{name}/") == [f"{name}/0.png", f"{name}/1.png"]
    lab.wait(streaming, {"InProgress"})
    assert people_of_team(lab, name) == {"Ada", "Grace"}
    for side in (amazon, lab):
        for job in (going, streaming):
            side.sagemaker.stop_labeling_job(LabelingJobName=job)
            side.wait(job)
        side.sagemaker.delete_workteam(WorkteamName=name)


def test_what_can_not_be_brought_is_told_and_counts(
    amazon: Lab, lab: Lab, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    assert main([*where(amazon, lab), name]) == 1
    assert "1 can't be" in capsys.readouterr().out

    def run(*_: object) -> list[Entry]:
        return [
            Entry("labeling job", "a", Outcome.REFUSED, (str(LabelingError("two\nlines \x1b[2J\u202e")),)),
            Entry("labeling job", "b\nmade          labeling job    c", Outcome.MADE),
        ]

    monkeypatch.setattr(JobMove, "run", run)
    assert main(where(amazon, lab)) == 1
    out = capsys.readouterr().out
    assert len(out.splitlines()) == 3
    assert out.splitlines()[-1] == "1 made, 1 can't be"
    assert all(sign.isprintable() or sign == "\n" for sign in out)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        (["--from-amazon"], "--endpoint-url is missing"),
        (["--endpoint-url", "http://127.0.0.1:9"], "--from-amazon"),
        (["--from-amazon", "--endpoint-url", "x", "--function", f"{ARN}=a:b"], "--function needs --workforce"),
        (["--from-amazon", "--endpoint-url", "x", "--function", "nonsense"], "has no '='"),
        (
            ["--from-amazon", "--endpoint-url", "x", "--function", "Pre=a:b"],
            "'Pre' is not the ARN",
        ),
        (["--from-amazon", "--endpoint-url", "x", "--function", f"{ARN}=a.b"], "'a.b' is not like my_package"),
        (["--from-amazon", "--endpoint-url", "x", "--created-after", "yesterday"], "not a date such as 2025-12-31"),
        (["--from-amazon", "--endpoint-url", "x", "--profile", "a", "--aws-conn-id", "b"], "either"),
    ],
)
def test_options_that_make_no_sense_are_told(
    given: list[str], words: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delenv("AWS_ENDPOINT_URL", raising=False)
    with pytest.raises(SystemExit) as caught:
        main(["import", *given])
    assert caught.value.code == 2
    assert words in capsys.readouterr().err


def test_an_end_that_is_none_is_told(
    lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    ends = ["--endpoint-url", lab.service.endpoint_url, "--region", "us-east-1", "--outage", "0"]
    assert main(["import", "--from-endpoint", "http://127.0.0.1:9", *ends]) == 2
    assert "127.0.0.1:9" in capsys.readouterr().err
    assert main(["import", "--from-amazon", "--profile", "no-such-profile", *ends]) == 2
    assert "no-such-profile" in capsys.readouterr().err


def test_where_a_side_stops_to_answer_the_rest_is_not_tried_and_what_is_there_is_told(
    amazon: Lab, lab: Lab, name: str, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("AWS_MAX_ATTEMPTS", "1")
    for number in range(3):
        make_job(amazon, f"{name}-{number}")
    with proxy(amazon) as dying:
        asked = where(amazon, lab)
        asked[asked.index(amazon.service.endpoint_url)] = dying.url
        real = dying.fault

        def fault(operation: str) -> str | None:
            again = operation == "DescribeLabelingJob" and dying.operations[operation] > 0
            return "drop" if again else real(operation)

        dying.fault = fault  # type: ignore[method-assign]
        assert main([*asked, "--outage", "0", "--dry-run", *(f"{name}-{number}" for number in range(3))]) == 2
        assert dying.operations["DescribeLabelingJob"] == 2
    output = capsys.readouterr()
    assert "1 would be made" in output.out
    assert "no answer" in output.err


def test_missing_credentials_are_told_at_once(
    lab: Lab, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    for variable in [known for known in os.environ if known.startswith("AWS_")]:
        monkeypatch.delenv(variable)
    monkeypatch.setenv("AWS_EC2_METADATA_DISABLED", "true")
    monkeypatch.setenv("AWS_SHARED_CREDENTIALS_FILE", str(tmp_path / "none"))
    monkeypatch.setenv("AWS_CONFIG_FILE", str(tmp_path / "none"))
    ends = ["--from-amazon", "--region", "us-east-1", "--endpoint-url", lab.service.endpoint_url]
    assert main(["import", *ends]) == 2
    assert "Unable to locate credentials" in capsys.readouterr().err


def test_functions_are_written_into_the_workforce_file(
    amazon: Lab, lab: Lab, name: str, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    make_job(amazon, name)
    path = tmp_path / "workforce.json"
    path.write_text(json.dumps({"seed": 7, "functions": {f"{ARN}2": "tests.functions:consolidate"}}))
    given = [*where(amazon, lab), name, "--function", f"{ARN}=tests.functions:pre", "--workforce", str(path)]
    assert main([*given, "--dry-run"]) == 0
    assert len(json.loads(path.read_text())["functions"]) == 1
    assert main(given) == 0
    functions = {ARN: "tests.functions:pre", f"{ARN}2": "tests.functions:consolidate"}
    assert json.loads(path.read_text()) == {"seed": 7, "functions": functions}
    assert ARN in load_workforce(path, seed=0, region="us-east-1", account="123456789012").functions
    # What can't be run changes no file; a time limit stays.
    document = {"functions": {ARN: {"handler": "tests.functions:pre", "timeout_seconds": 60}}}
    path.write_text(json.dumps(document))
    changed = [*given[:-3], f"{ARN}=tests.functions:pre_skips", *given[-2:]]
    nowhere = [NOWHERE if word == lab.service.endpoint_url else word for word in changed]
    assert main([*nowhere, "--outage", "0"]) == 2
    assert json.loads(path.read_text()) == document
    assert main(changed) == 0
    assert json.loads(path.read_text())["functions"][ARN] == {
        "handler": "tests.functions:pre_skips",
        "timeout_seconds": 60,
    }
    capsys.readouterr()
    path.write_text("[1")
    assert main(given) == 2
    assert "is not a workforce file" in capsys.readouterr().err
    assert main([*given[:-1], str(tmp_path)]) == 2
