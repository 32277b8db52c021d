"""``@task.label``: a function returns objects, and its task returns their labels."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import pytest
from airflow.sdk import DAG, task
from airflow.sdk.exceptions import AirflowSkipException, TaskDeferred

from labeling_provider.decorators.label import LabelDecoratedOperator
from labeling_provider.errors import InvalidRequestError, LabelingError
from labeling_provider.hooks.labeling import LabelingHook
from labeling_provider.manifest import ManifestError
from labeling_provider.request import PrivateWorkteam
from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.operators.tasks import fire, job_arguments, run_id


def labeling(lab: Lab, function: Callable[..., Any], *given: Any, **arguments: Any) -> LabelDecoratedOperator:
    """The task of a decorated function."""
    with DAG("dag"):
        labels = task.label(**{**job_arguments(lab), **arguments})(function)(*given)
    operator = labels.operator
    assert isinstance(operator, LabelDecoratedOperator)
    return operator


def animals() -> list[dict[str, Any]]:
    """Three texts, with the truth for the simulated workers."""
    return texts(3)


def returning(value: Any) -> Callable[[], Any]:
    """A function that returns a value."""

    def rows() -> Any:
        return value

    return rows


def manifests(lab: Lab) -> list[str]:
    return [key for key in lab.keys("out/objects/") if key.endswith(".manifest")]


def test_few_labels_are_returned_themselves_and_the_result_beside_them(connected: Lab) -> None:
    around = context(**run_id())
    labels = labeling(connected, animals).execute(around)
    assert json.loads(json.dumps(labels)) == {"text 0": "cat", "text 1": "dog", "text 2": "bird"}
    result = around["ti"].pushed["labeling_result"]
    assert result["status"] == "Completed"
    assert list(LabelingHook().labels(result)) == list(labels.items())
    assert list(LabelingHook().labels(labels)) == list(labels.items())


def test_many_are_returned_as_their_manifest(connected: Lab) -> None:
    result = labeling(connected, animals, max_inline=2).execute(context(**run_id()))
    assert result["output_manifest_uri"].endswith("/manifests/output/output.manifest")
    assert dict(LabelingHook().labels(result)) == {"text 0": "cat", "text 1": "dog", "text 2": "bird"}


def test_long_ones_and_those_of_the_same_text_are_returned_as_their_manifest(connected: Lab) -> None:
    def pages() -> list[dict[str, Any]]:
        return [{"source": "twice", "page": page, "truth": "cat"} for page in (1, 2)]

    result = labeling(connected, pages).execute(context(**run_id()))
    assert list(LabelingHook().labels(result)) == [("twice", "cat"), ("twice", "cat")]

    def long_texts() -> list[dict[str, Any]]:
        return [{"source": f"{number} {'x' * 90_000}", "truth": "dog"} for number in range(12)]

    result = labeling(connected, long_texts).execute(context(**run_id()))
    assert [label for _, label in LabelingHook().labels(result)] == ["dog"] * 12


def test_the_function_takes_arguments_of_the_task_and_of_its_surroundings(connected: Lab) -> None:
    def named(first: str, second: str = "dog", run_id: str | None = None) -> list[dict[str, Any]]:
        return [{"source": f"{name} in {run_id}", "truth": name} for name in (first, second)]

    around = context(**run_id())
    around["run_id"] = "today"
    operator = labeling(connected, named, "cat")
    assert operator.template_fields[:2] == ("op_args", "op_kwargs")
    assert operator.execute(around) == {"cat in today": "cat", "dog in today": "dog"}


def test_it_is_called_once_when_the_task_is_deferred_and_again_by_a_retry(connected: Lab) -> None:
    calls = []

    def counted() -> list[dict[str, Any]]:
        calls.append(1)
        return texts(3)

    ids = run_id()
    around = context(**ids)
    # A worker who takes a while: a job that has ended already is not waited for.
    slowly = {"workforce": PrivateWorkteam(connected.team("steady")), "workers_per_object": 1}
    with pytest.raises(TaskDeferred) as deferred:
        labeling(connected, counted, deferrable=True, **slowly).execute(around)
    assert deferred.value.kwargs is not None
    kept = json.loads(json.dumps(deferred.value.kwargs))
    task = labeling(connected, counted, deferrable=True, **slowly)
    labels = task.execute_complete(around, fire(deferred.value), **kept)
    assert (labels, len(calls)) == ({"text 0": "cat", "text 1": "dog", "text 2": "bird"}, 1)
    # The same objects are in the same manifest, so the retry goes on with the job.
    retry = context(**ids, try_number=2)
    assert labeling(connected, counted, **slowly).execute(retry) == labels
    assert retry["ti"].pushed["labeling_job"]["job_name"] == around["ti"].pushed["labeling_job"]["job_name"]
    assert len(calls) == 2


def test_a_coroutine_a_generator_and_a_manifest_are_objects_too(connected: Lab) -> None:
    async def later() -> list[dict[str, Any]]:
        return texts(1)

    assert labeling(connected, later).execute(context(**run_id())) == {"text 0": "cat"}

    def one_by_one() -> Any:
        yield from texts(2)
        yield from texts(1)

    assert labeling(connected, one_by_one).execute(context(**run_id())) == {"text 0": "cat", "text 1": "dog"}
    uri = connected.manifest(texts(2))
    for returned in (uri, {"manifest_uri": uri, "objects": 2}):
        assert labeling(connected, returning(returned)).execute(context(**run_id())) == {
            "text 0": "cat",
            "text 1": "dog",
        }


def test_an_object_without_a_label_has_none(connected: Lab) -> None:
    def declined() -> list[str]:
        return ["nobody wants this"]

    team = PrivateWorkteam(connected.team("reluctant"))
    labels = labeling(connected, declined, workforce=team).execute(context(**run_id()))
    assert labels == {"nobody wants this": None}


def test_no_objects_skip_the_task(connected: Lab) -> None:
    with pytest.raises(AirflowSkipException, match="rows returned no objects"):
        labeling(connected, returning([])).execute(context(**run_id()))


@pytest.mark.parametrize(
    ("returned", "words"),
    [
        (None, "rows returned NoneType; return a list of texts"),
        (7, "returned int"),
        (b"text", "returned bytes"),
        ("a text", "returned a string; return a list of objects, or the S3 URI of a manifest"),
        ({"cat": 1}, "has neither output_manifest_uri nor manifest_uri"),
        ([None], "object 1 of rows is None"),
        (["good", 5], "object 2 of rows"),
        ([{"neither": "key"}], "object 1 of rows"),
    ],
)
def test_what_is_no_list_of_objects_is_refused_before_anything_is_sent(
    connected: Lab, returned: Any, words: str
) -> None:
    before = manifests(connected)
    with pytest.raises((LabelingError, ManifestError), match=words):
        labeling(connected, returning(returned)).execute(context(**run_id()))
    assert manifests(connected) == before


@pytest.mark.parametrize("name", ["manifest_uri", "input_topic_arn", "wait_for_completion"])
def test_arguments_that_have_no_sense_here_are_refused_while_the_file_is_parsed(lab: Lab, name: str) -> None:
    with pytest.raises(ValueError, match=f"@task.label takes no {name}"):
        labeling(lab, animals, **{name: "s3://lab/x"})
    with pytest.raises(ValueError, match="max_inline must be 0 or more"):
        labeling(lab, animals, max_inline=-1)


def test_a_request_needs_a_place_and_no_objects_of_its_own(connected: Lab) -> None:
    source = {"DataSource": {"S3DataSource": {"ManifestS3Uri": "s3://lab/other.manifest"}}}
    with pytest.raises(InvalidRequestError) as caught:
        labeling(connected, animals, output_uri=None, config={"InputConfig": source}).execute(context(**run_id()))
    problems = [str(problem) for problem in caught.value.problems]
    assert any("output_uri" in problem for problem in problems)
    assert any("config.InputConfig.DataSource" in problem for problem in problems)
    config = {"OutputConfig": {"S3OutputPath": "s3://lab/elsewhere/"}}
    labels = labeling(connected, animals, output_uri=None, config=config).execute(context(**run_id()))
    assert len(labels) == 3
    assert connected.keys("elsewhere/objects/")


def test_a_function_is_mapped_as_any_task(connected: Lab) -> None:
    def listed(part: str) -> list[str]:
        return [part]

    with DAG("dag"):
        decorated = task.label(task_type="text-classification", output_uri="s3://lab/out")
        mapped = decorated(listed).expand(part=["a", "b"])
    assert mapped.operator.is_mapped
    assert mapped.operator.operator_class is LabelDecoratedOperator


def test_any_texts_are_the_keys_of_their_labels(connected: Lab) -> None:
    objects = [
        "'\"<b>&{{ ds }}",
        " \t ",
        "日本語 🐈 e\u0301",
        "\u202ebidi\u2066",
        "line\nbreak\u2028",
        "0",
        "null",
        '{"a": 1}',
    ]
    known = [{"source": text, "truth": "bird"} for text in objects]
    labels = labeling(connected, returning(known)).execute(context(**run_id()))
    assert list(labels.items()) == [(text, "bird") for text in objects]
