"""Whatever a template comes to, each argument of each operator is read as its kind, or refused by its name."""

from __future__ import annotations

import inspect
from collections.abc import Iterator, Mapping
from dataclasses import fields
from importlib import import_module
from pkgutil import iter_modules
from typing import Any, Final, NamedTuple

import pytest
from airflow.providers.standard.operators.hitl import ApprovalOperator
from airflow.sdk import DAG
from hypothesis import given, settings
from hypothesis import strategies as st

from labeling_provider.errors import InvalidArgumentsError, InvalidRequestError
from labeling_provider.jobs.caller import RunOptions
from labeling_provider.operators import arguments
from labeling_provider.operators.base import LabelingTask
from labeling_provider.operators.labeling_job import CreateLabelingJobOperator
from labeling_provider.request import (
    AutomatedLabeling,
    LabelingJobSpec,
    MechanicalTurk,
    PrivateWorkteam,
    VendorWorkteam,
)
from tests.airflow_context import context
from tests.conftest import Lab
from tests.operators.tasks import operator, run_id

NEEDED: Final[dict[str, dict[str, Any]]] = {
    "ApproveCostOperator": {"objects": 1, "job": {}},
    "BuildManifestOperator": {"manifest_uri": "s3://b/m", "prefix_uri": "s3://b/p"},
    "CreateLabelingJobOperator": {},
    "ExportLabelsOperator": {"manifest_uri": "s3://b/m", "output_uri": "s3://b/o", "format": "coco"},
    "FilterManifestOperator": {"manifest_uri": "s3://b/m", "filtered_uri": "s3://b/o", "state": "labeled"},
    "LabelQualityOperator": {"manifest_uri": "s3://b/m"},
    "LabelingJobSensor": {"job_name": "job"},
    "MergeManifestsOperator": {"manifest_uris": "s3://b/m", "merged_uri": "s3://b/o"},
    "PushNewObjectsOperator": {"input_topic_arn": "arn", "prefix_uri": "s3://b/p"},
    "SplitManifestOperator": {"manifest_uri": "s3://b/m", "output_uri": "s3://b/o", "fractions": {"train": 1}},
    "StopLabelingJobOperator": {"job_name": "job"},
    "StreamingJobSensor": {"job_name": "job", "labeled": 1},
    "ValidateManifestOperator": {"manifest_uri": "s3://b/m"},
}


class Samples(NamedTuple):
    """What an argument may be given.

    :param good: values with what they are read as. They are given as they are, as a template's text, and as JSON.
    :param texts: texts that a template may come to, with what they are read as.
    :param bad: what is refused.
    """

    good: tuple[tuple[Any, Any], ...]
    texts: tuple[tuple[str, Any], ...]
    bad: tuple[Any, ...]


WORDS = Samples((("a text", "a text"), (2026, "2026")), (("2026", "2026"), ("0", "0")), (True, 0.5, ["a"], {"a": 1}))
NAME = Samples((*WORDS.good, (None, None)), (*WORDS.texts, ("None", None), ("", None)), WORDS.bad)
WHOLE = Samples(
    ((3, 3), (None, None)), (("3", 3), (" 3 ", 3), ("None", None)), (True, 0.5, "three", "3,5", [3], "9" * 99)
)
NUMBER = Samples(
    ((3, 3), (0.5, 0.5)), (("0.5", 0.5), ("1e2", 100), ("None", None)), (True, "nan", "1..0", "inf", [1], 10**5000)
)
TEXTS = Samples(
    ((["cat", "dog"], ["cat", "dog"]), ([0, 1], ["0", "1"]), (("a",), ["a"])),
    (('["cat", "dog"]', ["cat", "dog"]), ('["0", "1"]', ["0", "1"]), ("[0, 1]", ["0", "1"])),
    ("cat,dog", "cat", [True], [0.5], [None], 7, {"a": 1}, {"a"}, "['cat", '["a"'),
)
LABELS = Samples(
    (*TEXTS.good, ([{"label": "cat", "shortDisplayName": "c"}], [{"label": "cat", "shortDisplayName": "c"}])),
    TEXTS.texts,
    tuple(text for text in TEXTS.bad if text != {"a"}),
)
SOURCE = Samples(
    (("s3://b/m", "s3://b/m"), ({"manifest_uri": "s3://b/m"}, {"manifest_uri": "s3://b/m"})),
    (('{"manifest_uri": "s3://b/m"}', {"manifest_uri": "s3://b/m"}),),
    (True, 0.5, '{"manifest_uri"', ["s3://b/m"]),
)
SOURCES = Samples(
    (
        *SOURCE.good,
        (["s3://b/m", None, {"manifest_uri": "s3://b/m"}], ["s3://b/m", None, {"manifest_uri": "s3://b/m"}]),
    ),
    (*SOURCE.texts, ('["s3://b/m"]', ["s3://b/m"])),
    (True, 0.5, '["s3://b/m"', [True]),
)
TAGS = Samples(
    (({"team": "birds", "cost": 12}, {"team": "birds", "cost": "12"}),),
    (('{"team": "birds"}', {"team": "birds"}),),
    ("team=birds", ["team"], {"team": True}, {"team": None}, 7),
)
TEAM = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/birds"

SAMPLES: Final[dict[str, Samples]] = {
    "title": WORDS,
    "description": WORDS,
    "instructions": WORDS,
    "notify_suffix": WORDS,
    "seed": WORDS,
    **dict.fromkeys(
        (
            *("workers_per_object", "time_limit", "availability", "max_concurrent_objects", "baseline"),
            *("max_human_labeled_objects", "max_percentage_labeled"),
        ),
        WHOLE,
    ),
    "max_cost_usd": NUMBER,
    "ask_above_usd": NUMBER,
    "frames_per_second": NUMBER,
    **dict.fromkeys(("keywords", "content_classifiers", "classes", "target_statuses"), TEXTS),
    "labels": LABELS,
    "tags": TAGS,
    "config": Samples(
        (
            (
                {
                    "LabelAttributeName": 2026,
                    "HumanTaskConfig": {"TaskKeywords": '["a"]', "TaskTimeLimitInSeconds": "60"},
                },
                {
                    "LabelAttributeName": "2026",
                    "HumanTaskConfig": {"TaskKeywords": ["a"], "TaskTimeLimitInSeconds": 60},
                },
            ),
        ),
        (('{"LabelAttributeName": "a"}', {"LabelAttributeName": "a"}), ("", {})),
        ("a", [1], {"HumanTaskConfig": "a"}, {"HumanTaskConfig": {"TaskTimeLimitInSeconds": "long"}}),
    ),
    "workforce": Samples(
        (
            (TEAM, TEAM),
            (PrivateWorkteam(TEAM), PrivateWorkteam(TEAM)),
            (VendorWorkteam(TEAM), VendorWorkteam(TEAM)),
            (MechanicalTurk(0.012, "False", "True"), MechanicalTurk(0.012, False, True)),
        ),
        ((TEAM, TEAM),),
        (True, [TEAM], PrivateWorkteam(True), MechanicalTurk("dear"), MechanicalTurk(0.012, "maybe")),
    ),
    "automated_labeling": Samples(
        (
            (True, True),
            (False, False),
            (
                AutomatedLabeling("None", subnets='["s"]', continue_from_previous_run="False"),
                AutomatedLabeling(subnets=["s"]),
            ),
        ),
        (("False", False), ("true", True), ("None", None)),
        ("perhaps", 1, [True], AutomatedLabeling(subnets="s"), AutomatedLabeling(continue_from_previous_run="x")),
    ),
    "objects": Samples(
        ((["a", {"source": "b"}], ["a", {"source": "b"}]),), (('["a"]', ["a"]),), ("a,b", 0.5, {"a": 1}, {"a"})
    ),
    **dict.fromkeys(
        ("text_uris", "video_uri"),
        Samples(
            (("s3://b/t", "s3://b/t"), (["s3://b/t"], ["s3://b/t"])),
            (('["s3://b/t"]', ["s3://b/t"]),),
            (True, [True], 0.5),
        ),
    ),
    **dict.fromkeys(("exclude_labeled_in", "labeling_jobs", "manifest_uris"), SOURCES),
    "fractions": Samples(
        (({"train": 0.8, "test": "0.2"}, {"train": 0.8, "test": 0.2}),),
        (('{"train": 1}', {"train": 1}),),
        ("train", [1], {"train": "most"}, {"train": None}, None),
    ),
    "adjusted_in": Samples(
        (({"boxes": "better"}, {"boxes": "better"}), (None, None)),
        (('{"boxes": "better"}', {"boxes": "better"}), ("", None)),
        ("better", [1], {"boxes": True}, {"boxes": None}, 7),
    ),
    "branches": Samples(
        (({"good": "merge", "poor": ["tell", "stop"]}, {"good": "merge", "poor": ["tell", "stop"]}),),
        (('{"good": "merge"}', {"good": "merge"}),),
        ("merge", {"good": True}, {"good": None}, 7),
    ),
    "job": Samples(
        (({"workers_per_object": "3", "labels": [0]}, {"workers_per_object": 3, "labels": ["0"]}),),
        (('{"workers_per_object": "3"}', {"workers_per_object": 3}),),
        ("a", None, {"labels": "cat,dog"}, {"workers_per_object": "many"}),
    ),
}
"""By argument; all others are names."""
OF_A_CLASS: Final[dict[tuple[str, str], Samples]] = {
    ("ApproveCostOperator", "objects"): WHOLE,
    ("CreateLabelingJobOperator", "manifest_uri"): Samples(
        (("s3://b/m", "s3://b/m"), ({"manifest_uri": "s3://b/m", "objects": 3}, "s3://b/m"), (None, None)),
        (('{"manifest_uri": "s3://b/m", "output_manifest_uri": "s3://b/o"}', "s3://b/o"), ("", None)),
        (True, 0.5, {"objects": 3}, {"manifest_uri": 7}, '{"manifest_uri"', ["s3://b/m"]),
    ),
    **{
        (operator, "manifest_uri"): SOURCE
        for operator in (
            *("ValidateManifestOperator", "SplitManifestOperator", "ExportLabelsOperator", "LabelQualityOperator"),
            "FilterManifestOperator",
        )
    },
}


def classes() -> Iterator[type[LabelingTask]]:
    """Every operator and sensor that people may use."""
    for room in ("operators", "sensors"):
        package = import_module(f"labeling_provider.{room}")
        for module in iter_modules(package.__path__, f"{package.__name__}."):
            for member in vars(import_module(module.name)).values():
                own = isinstance(member, type) and member.__module__ == module.name
                if own and issubclass(member, LabelingTask) and getattr(member, "template_fields", ()):
                    yield member


FIELDS = [
    pytest.param(operator, field, id=f"{operator.__name__}-{field}")
    for operator in classes()
    for field in operator.template_fields  # type: ignore[attr-defined]
    if not (issubclass(operator, ApprovalOperator) and field in ApprovalOperator.template_fields)
]


def samples(of: type, field: str) -> Samples:
    return OF_A_CLASS.get((of.__name__, field)) or SAMPLES.get(field) or NAME


def is_needed(of: type[LabelingTask], field: str) -> bool:
    try:
        of.argument_kinds[field](None, field)
    except arguments.RefusedArgument:
        return True
    return False


def made(of: type[LabelingTask], field: str, value: Any, native: bool, given: Any = None) -> Any:
    """A task with one argument, rendered as Airflow's task runner does it."""
    with DAG("arguments", schedule=None, render_template_as_native_obj=native) as dag:
        task: Any = of(task_id="task", **NEEDED[of.__name__])  # type: ignore[call-arg]
    setattr(task, field, value)
    task.outage = 0
    task.render_template_fields({"given": given}, jinja_env=dag.get_template_env())
    return task


def named(field: str) -> str:
    return "task_type" if field == "labeling_type" else field


def test_every_operator_and_sensor_declares_the_kind_of_every_argument() -> None:
    assert {operator_class.__name__ for operator_class in classes()} == set(NEEDED)
    for operator_class in classes():
        fields = set(operator_class.template_fields)  # type: ignore[attr-defined]
        inherited = set(ApprovalOperator.template_fields) if issubclass(operator_class, ApprovalOperator) else set()
        assert fields - inherited == set(operator_class.argument_kinds)


def test_the_operator_takes_exactly_what_a_job_and_its_run_are_made_of() -> None:
    signature = inspect.signature(CreateLabelingJobOperator.__init__).parameters.values()
    own = {"self", "kwargs", "deferrable", "outage"}
    taken = {argument.name: (argument.annotation, argument.default) for argument in signature}
    wanted = {option.name: (option.type, option.default) for option in (*fields(LabelingJobSpec), *fields(RunOptions))}
    # Dag authors may have a text that is not known to be one of the choices; it is checked when the task is made.
    wanted = {
        name: ("str" if kind.startswith("Literal[") else kind, default) for name, (kind, default) in wanted.items()
    }
    # A mapping must not be a default.
    wanted["config"] = ("Mapping[str, Any] | None", None)
    assert {name: argument for name, argument in taken.items() if name not in own} == wanted


def test_the_kinds_of_a_jobs_arguments_are_those_of_its_types() -> None:
    kinds = {
        "str | None": {arguments.name, arguments.text, arguments.manifest},
        "int | None": {arguments.whole},
        "float | None": {arguments.number},
        "Sequence[str] | None": {arguments.texts},
        "Mapping[str, str] | None": {arguments.tags},
    }
    types = {option.name: option.type for option in (*fields(LabelingJobSpec), *fields(RunOptions))}
    assert set(arguments.JOB) == {option.name for option in fields(LabelingJobSpec)}
    wrong = [
        name
        for name, kind in {**arguments.JOB, **CreateLabelingJobOperator.argument_kinds}.items()
        if kind not in kinds.get(str(types.get(name)), {kind})
    ]
    assert wrong == []


@pytest.mark.parametrize("native", [False, True], ids=["texts", "objects"])
@pytest.mark.parametrize(("of", "field"), FIELDS)
def test_an_argument_is_read_as_its_kind(of: type[LabelingTask], field: str, native: bool) -> None:
    of_field, needed = samples(of, field), is_needed(of, field)
    for value, expected in (*of_field.good, *of_field.texts):
        task = made(of, field, value, native)
        if expected is None and needed:
            with pytest.raises((InvalidArgumentsError, InvalidRequestError), match=f"- {named(field)}: "):
                task.read_arguments()
            continue
        task.read_arguments()
        assert getattr(task, field) == expected, value
        task.read_arguments()
        assert getattr(task, field) == expected, f"{value} a second time"


@pytest.mark.parametrize("native", [False, True], ids=["texts", "objects"])
@pytest.mark.parametrize(("of", "field"), FIELDS)
def test_a_template_is_read_as_the_kind_of_its_argument(of: type[LabelingTask], field: str, native: bool) -> None:
    of_field, needed = samples(of, field), is_needed(of, field)
    for value, expected in of_field.texts:
        if expected is None and needed:
            continue
        task = made(of, field, "{{ given }}", native, value)
        task.read_arguments()
        assert getattr(task, field) == expected, value
    for value, expected in of_field.good:
        if isinstance(value, list | dict) and type(value) in (list, dict):
            task = made(of, field, "{{ given | tojson }}", native, value)
            task.read_arguments()
            assert getattr(task, field) == expected, value
            if native:
                task = made(of, field, "{{ given }}", native, value)
                task.read_arguments()
                assert getattr(task, field) == expected, value


@pytest.mark.once
@pytest.mark.parametrize("native", [False, True], ids=["texts", "objects"])
@pytest.mark.parametrize(("of", "field"), FIELDS)
def test_nonsense_is_refused_with_the_arguments_name_before_anything_is_done(
    of: type[LabelingTask], field: str, native: bool
) -> None:
    for value in samples(of, field).bad:
        task = made(of, field, value, native)
        for call in (lambda task=task: task.execute(context()), lambda task=task: resumed(task)):
            with pytest.raises((InvalidArgumentsError, InvalidRequestError)) as caught:
                call()
            assert [problem for problem in caught.value.problems if problem.field.startswith(named(field))], value
            assert all(problem.remedy for problem in caught.value.problems)


def resumed(task: Any) -> None:
    """What Airflow does with a task that has waited: its templates are rendered anew."""
    if not hasattr(task, "execute_complete") or isinstance(task, ApprovalOperator):
        task.execute(context())
    task.execute_complete(context(), {})


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("['cat', 'dog']", r"labels: \"\['cat', 'dog'\]\" is not a list\. .*tojson"),
        ("cat,dog", "labels: 'cat,dog' is not"),
    ],
)
def test_a_list_that_a_template_made_a_text_of_is_refused_with_what_to_write(given: str, expected: str) -> None:
    task = made(CreateLabelingJobOperator, "labels", "{{ given }}", False, given)
    with pytest.raises(InvalidRequestError, match=expected):
        task.execute(context())


def test_all_that_is_wrong_is_told_at_once() -> None:
    task = made(CreateLabelingJobOperator, "labels", "cat,dog", False)
    task.workers_per_object, task.automated_labeling = "many", "perhaps"
    with pytest.raises(InvalidRequestError) as caught:
        task.execute(context())
    assert [problem.field for problem in caught.value.problems] == [
        "labels",
        "workers_per_object",
        "automated_labeling",
    ]


@pytest.mark.parametrize("native", [False, True], ids=["texts", "objects"])
def test_a_job_whose_arguments_are_all_templates_is_the_job_that_was_meant(connected: Lab, native: bool) -> None:
    params: Mapping[str, Any] = {"labels": ["0", "1"], "workers": 3, "attribute": "2026", "automated": False}
    with DAG("arguments", schedule=None, render_template_as_native_obj=native) as dag:
        task = operator(
            connected,
            [{"source": "none", "truth": "0"}, {"source": "one", "truth": "1"}],
            labels="{{ params.labels | tojson }}",
            workers_per_object="{{ params.workers }}",
            automated_labeling="{{ params.automated }}",
            label_attribute_name="{{ params.attribute }}",
            tags={"year": "{{ params.attribute }}"},
            max_cost_usd="{{ params.workers }}",
        )
    around = context(**run_id())
    task.render_template_fields({"params": params}, jinja_env=dag.get_template_env())
    result = task.execute(around)
    assert result is not None
    assert result["label_attribute_name"] == "2026"
    description = connected.describe(result["job_name"])
    assert description["HumanTaskConfig"]["NumberOfHumanWorkersPerDataObject"] == 3
    assert "LabelingJobAlgorithmsConfig" not in description
    names = [line["2026-metadata"]["class-name"] for line in connected.output(description)]
    assert names == ["0", "1"]


@settings(max_examples=50, deadline=None)
@given(st.recursive(st.none() | st.booleans() | st.floats() | st.integers() | st.text(), st.lists, max_leaves=5))
def test_no_value_is_half_understood(value: Any) -> None:
    for kind, wanted in (
        (arguments.text, str),
        (arguments.name, str),
        (arguments.whole, int),
        (arguments.number, int | float),
        (arguments.truth, bool),
        (arguments.texts, list),
        (arguments.tags, dict),
    ):
        try:
            read = kind(value, "field")
        except arguments.RefusedArgument:
            continue
        assert read is None or isinstance(read, wanted)
        assert kind(read, "field") == read
