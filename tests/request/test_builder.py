"""From a few words to a request: for every task type one that Amazon's rules have nothing against."""

from __future__ import annotations

import copy
import json
from collections.abc import Iterator
from typing import Any

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from labeling_provider.errors import InvalidRequestError
from labeling_provider.groundtruth.job import JobState, JobStatus
from labeling_provider.request import (
    TASK_TYPES,
    AutomatedLabeling,
    LabelingJobSpec,
    MechanicalTurk,
    PrivateWorkteam,
    Surroundings,
    VendorWorkteam,
    check_request,
    task_type_of_request,
)
from labeling_provider.request.templates import has_worker_template

TEAM = PrivateWorkteam("arn:aws:sagemaker:us-east-1:111122223333:workteam/private-crowd/birds")


def spec(task_type: str = "image-classification", **arguments: Any) -> LabelingJobSpec:
    row = TASK_TYPES[task_type]
    defaults: dict[str, Any] = {
        "task_type": task_type,
        "manifest_uri": "s3://marsh/in.manifest",
        "output_uri": "s3://marsh/out/",
        "labels": ["heron", "stork"] if row.needs_categories else None,
        "workforce": TEAM,
        "role_arn": "arn:aws:iam::111122223333:role/labeling",
        "title": "Which bird?",
        "instructions": "Look closely." if row.human_task_ui or has_worker_template(row) else None,
        "description": "Birds",
        "audited_attribute": "before-ref" if row.audits and row.is_sequence else None,
        "ui_template_uri": None if row.human_task_ui or has_worker_template(row) else "s3://marsh/template.liquid",
    }
    return LabelingJobSpec(**{**defaults, **arguments})


@pytest.mark.parametrize("task_type", TASK_TYPES)
def test_every_task_type_gives_a_request_without_problems(task_type: str) -> None:
    draft = spec(task_type).draft("birds", "us-east-1")
    around = Surroundings("us-east-1", draft.categories, 10)
    assert check_request(draft.request, around) == []
    row = TASK_TYPES[task_type]
    if row.function and not (row.audits and row.is_sequence):
        assert task_type_of_request(draft.request) is row
    ui = draft.request["HumanTaskConfig"]["UiConfig"]
    assert list(ui) == (["HumanTaskUiArn"] if row.human_task_ui else ["UiTemplateS3Uri"])


def test_inline_labels_and_instructions_become_files_beside_the_output() -> None:
    draft = spec().draft("birds", "us-east-1")
    folder = "s3://marsh/out/birds/annotation-tool"
    assert set(draft.files) == {f"{folder}/data.json", f"{folder}/template.liquid"}
    assert draft.request["LabelCategoryConfigS3Uri"] == f"{folder}/data.json"
    assert json.loads(draft.files[f"{folder}/data.json"]) == {
        "document-version": "2018-11-28",
        "labels": [{"label": "heron"}, {"label": "stork"}],
    }


def test_named_entities_carry_their_instructions_in_the_category_file() -> None:
    labels = [{"label": "Vessel", "shortDisplayName": "VES"}]
    draft = spec("named-entity-recognition", labels=labels, instructions="Mark <ships>.\nAll.").draft("n", "eu-west-1")
    (text,) = draft.files.values()
    document = json.loads(text)
    assert document["labels"] == labels
    assert document["instructions"]["shortInstruction"] == "<p>Mark &lt;ships&gt;.<br>All.</p>"


def test_config_wins_and_named_arguments_fill_in_what_it_lacks() -> None:
    config = {
        "LabelAttributeName": "bird",
        "HumanTaskConfig": {"TaskTitle": "From config", "UiConfig": {"UiTemplateS3Uri": "s3://mine/t.html"}},
        "Tags": [{"Key": "a", "Value": "config"}],
        "InputConfig": {"DataSource": {"S3DataSource": {"ManifestS3Uri": "s3://mine/in.manifest"}}},
    }
    request = spec(config=config, tags={"a": "named", "b": "named"}).draft("birds", "us-east-1").request
    assert request["LabelAttributeName"] == "bird"
    assert request["HumanTaskConfig"]["TaskTitle"] == "From config"
    assert request["HumanTaskConfig"]["UiConfig"] == {"UiTemplateS3Uri": "s3://mine/t.html"}
    assert request["HumanTaskConfig"]["WorkteamArn"] == TEAM.arn
    assert request["InputConfig"]["DataSource"] == config["InputConfig"]["DataSource"]
    assert request["Tags"] == [{"Key": "a", "Value": "config"}, {"Key": "b", "Value": "named"}]
    assert config["HumanTaskConfig"] == {
        "TaskTitle": "From config",
        "UiConfig": {"UiTemplateS3Uri": "s3://mine/t.html"},
    }, "the caller's config is left alone"


def test_a_whole_raw_request_goes_through_unchanged() -> None:
    request = spec().draft("birds", "us-east-1").request
    assert LabelingJobSpec(config=request).draft("other", "us-east-1").request == request


def test_everything_that_create_labeling_job_takes_can_be_set_by_name() -> None:
    request = (
        spec(
            workforce=MechanicalTurk(0.024, True, False),
            input_topic_arn=None,
            output_topic_arn="arn:aws:sns:us-east-1:111122223333:out",
            output_kms_key="key",
            keywords=["birds"],
            workers_per_object=5,
            time_limit=60,
            availability=3600,
            max_concurrent_objects=50,
            max_human_labeled_objects=10,
            max_percentage_labeled=50,
            automated_labeling=AutomatedLabeling(
                "arn:aws:sagemaker:us-east-1:1:model/m", "key", ["subnet-1"], ["sg-1"]
            ),
            tags={"a": "b"},
        )
        .draft("birds", "us-east-1")
        .request
    )
    human = request["HumanTaskConfig"]
    assert request["InputConfig"]["DataAttributes"]["ContentClassifiers"] == [
        "FreeOfPersonallyIdentifiableInformation",
        "FreeOfAdultContent",
    ]
    assert request["OutputConfig"] == {
        "S3OutputPath": "s3://marsh/out/",
        "KmsKeyId": "key",
        "SnsTopicArn": "arn:aws:sns:us-east-1:111122223333:out",
    }
    assert human["PublicWorkforceTaskPrice"] == {"AmountInUsd": {"Dollars": 0, "Cents": 2, "TenthFractionsOfACent": 4}}
    assert (human["NumberOfHumanWorkersPerDataObject"], human["TaskTimeLimitInSeconds"]) == (5, 60)
    assert (human["TaskAvailabilityLifetimeInSeconds"], human["MaxConcurrentTaskCount"]) == (3600, 50)
    assert request["StoppingConditions"] == {
        "MaxHumanLabeledObjectCount": 10,
        "MaxPercentageOfInputDatasetLabeled": 50,
    }
    assert request["LabelingJobAlgorithmsConfig"] == {
        "LabelingJobAlgorithmSpecificationArn": "arn:aws:sagemaker:us-east-1:027400017018:"
        "labeling-job-algorithm-specification/image-classification",
        "InitialActiveLearningModelArn": "arn:aws:sagemaker:us-east-1:1:model/m",
        "LabelingJobResourceConfig": {
            "VolumeKmsKeyId": "key",
            "VpcConfig": {"SecurityGroupIds": ["sg-1"], "Subnets": ["subnet-1"]},
        },
    }


@pytest.mark.parametrize(
    ("change", "field"),
    [
        ({"workforce": VendorWorkteam(TEAM.arn)}, "workforce"),
        ({"workforce": MechanicalTurk("0.0001")}, "workforce"),
    ],
)
def test_arguments_that_make_no_request_are_named(change: dict[str, Any], field: str) -> None:
    with pytest.raises(InvalidRequestError) as caught:
        spec(**change).draft("birds", "us-east-1")
    assert [problem.field for problem in caught.value.problems] == [field]


def test_what_is_no_workteam_is_left_to_the_check_of_the_request() -> None:
    draft = spec(workforce=PrivateWorkteam("birds")).draft("birds", "us-east-1")
    problems = check_request(draft.request, Surroundings("us-east-1", draft.categories, 10))
    assert "HumanTaskConfig.WorkteamArn" in {problem.field for problem in problems}


def test_a_task_type_is_needed_unless_config_says_it() -> None:
    with pytest.raises(InvalidRequestError, match="task_type: is missing"):
        LabelingJobSpec(title="Which?").draft("birds", "us-east-1")


def test_a_region_without_ground_truth_is_named() -> None:
    with pytest.raises(InvalidRequestError, match="Ground Truth does not exist in 'eu-north-1'"):
        spec().draft("birds", "eu-north-1")


def test_automated_labeling_of_other_task_types_is_refused_with_a_reason() -> None:
    with pytest.raises(InvalidRequestError, match="no automated labeling for named-entity-recognition"):
        spec("named-entity-recognition", automated_labeling=True).draft("birds", "us-east-1")


def test_instructions_without_a_page_of_ours_are_refused_rather_than_lost() -> None:
    with pytest.raises(InvalidRequestError, match="no built-in worker page for custom"):
        spec("custom", ui_template_uri=None, instructions="Do it.").draft("birds", "us-east-1")


def test_only_audits_have_an_attribute_to_audit() -> None:
    with pytest.raises(InvalidRequestError, match="bounding-box neither adjusts nor verifies labels"):
        LabelingJobSpec(task_type="bounding-box", audited_attribute="before").draft("birds", "us-east-1")


def test_a_ready_function_is_named_in_the_request_and_comes_with_its_page() -> None:
    draft = spec("custom", consolidation="polygons", labels=["a <b>", "c"], instructions="Draw.", ui_template_uri=None)
    request = draft.draft("birds", "us-east-1")
    human = request.request["HumanTaskConfig"]
    arn = "arn:aws:lambda:us-east-1:000000000000:function:consolidate-polygons"
    assert human["AnnotationConsolidationConfig"] == {"AnnotationConsolidationLambdaArn": arn}
    assert "<crowd-polygon" in request.files[human["UiConfig"]["UiTemplateS3Uri"]]
    assert check_request(request.request, Surroundings("us-east-1", request.categories, 100)) == []


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        ({"consolidation": "squares"}, "consolidation: 'squares' is unknown. Choose one of polygons, polylines"),
        ({"task_type": "bounding-box"}, "consolidation: bounding-box has its own consolidation."),
        ({"consolidation_function": "arn:aws:lambda:us-east-1:1:function:mine"}, "Give one of the two."),
        ({"instructions": "Draw.", "ui_template_uri": None, "labels": None}, "no built-in worker page for custom"),
        (
            {
                "instructions": "Draw.",
                "ui_template_uri": None,
                "pre_annotation_function": "arn:aws:lambda:us-east-1:1:function:mine",
            },
            "no built-in worker page for custom",
        ),
    ],
)
def test_a_ready_function_is_for_custom_tasks_and_its_page_for_plain_ones(
    arguments: dict[str, Any], problem: str
) -> None:
    given = {"task_type": "custom", "consolidation": "polygons", "labels": ["a"], **arguments}
    with pytest.raises(InvalidRequestError) as caught:
        spec(**given).draft("birds", "us-east-1")
    assert problem in str(caught.value)


def test_a_ready_function_needs_labels() -> None:
    draft = spec("custom", consolidation="polygons").draft("birds", "us-east-1")
    (problem,) = check_request(draft.request, Surroundings("us-east-1", None, 100))
    assert problem.field == "LabelCategoryConfigS3Uri"


def test_an_empty_list_of_labels_is_none() -> None:
    custom, classes = (
        spec(task_type, labels=[]).draft("birds", "us-east-1") for task_type in ("custom", "image-classification")
    )
    for draft in (custom, classes):
        assert "LabelCategoryConfigS3Uri" not in draft.request
        assert not [uri for uri in draft.files if uri.endswith("data.json")]
    assert check_request(custom.request, Surroundings("us-east-1", custom.categories, 100)) == []
    (problem,) = check_request(classes.request, Surroundings("us-east-1", classes.categories, 100))
    assert problem.field == "LabelCategoryConfigS3Uri"


def fields(config: dict[str, Any]) -> list[str]:
    """Where problems are if a config says these things, and named arguments the rest."""
    draft = spec(config=config, tags={"team": "birds"}, automated_labeling=True).draft("birds", "us-east-1")
    around = Surroundings("us-east-1", draft.categories, 10_000)
    return [problem.field for problem in check_request(draft.request, around)]


@pytest.mark.parametrize(
    ("config", "field"),
    [
        ({"HumanTaskConfig": "s3://mine/t.html"}, "HumanTaskConfig"),
        ({"HumanTaskConfig": {"UiConfig": "s3://mine/t.html"}}, "HumanTaskConfig.UiConfig"),
        ({"HumanTaskConfig": {"UiConfig": []}}, "HumanTaskConfig.UiConfig"),
        ({"HumanTaskConfig": {"UiConfig": None}}, "HumanTaskConfig.UiConfig"),
        ({"HumanTaskConfig": {"UiConfig": {"UiTemplateS3Uri": 3}}}, "HumanTaskConfig.UiConfig.UiTemplateS3Uri"),
        ({"HumanTaskConfig": {"UiConfig": {"UiTemplateS3Uri": ""}}}, "HumanTaskConfig.UiConfig.UiTemplateS3Uri"),
        ({"LabelCategoryConfigS3Uri": ["s3://mine/data.json"]}, "LabelCategoryConfigS3Uri"),
        ({"LabelCategoryConfigS3Uri": 3}, "LabelCategoryConfigS3Uri"),
        ({"LabelCategoryConfigS3Uri": ""}, "LabelCategoryConfigS3Uri"),
        ({"StoppingConditions": [10]}, "StoppingConditions"),
        ({"LabelingJobAlgorithmsConfig": "arn"}, "LabelingJobAlgorithmsConfig"),
        ({"Tags": "team"}, "Tags"),
        ({"Tags": [{"Key": "team"}]}, "Tags[0].Value"),
    ],
)
def test_what_a_config_says_wrongly_is_named_and_not_replaced(config: dict[str, Any], field: str) -> None:
    assert fields(config)[0] == field


def test_a_config_with_wrong_members_goes_through_a_follow_up_unchanged() -> None:
    config = {"StoppingConditions": {"MaxHumanLabeledObjectCount": "ten"}, "LabelingJobAlgorithmsConfig": "arn"}
    state = JobState("birds", "arn", JobStatus.STOPPED, 5, 5, 0, 0, 5_000, "", 0.0, None, final_model_arn="arn:model")
    draft = spec(config=config).draft("birds", "us-east-1").follow_up("s3://marsh/rest.manifest", 5_000, state)
    assert {name: draft.request[name] for name in config} == config


WHOLE = (
    spec(automated_labeling=True, keywords=["birds"], max_human_labeled_objects=9, tags={"team": "birds"})
    .draft("birds", "us-east-1")
    .request
)


def places(value: Any, path: tuple[Any, ...] = ()) -> Iterator[tuple[Any, ...]]:
    """The paths of all members of a request."""
    members = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for name, member in members:
        yield (*path, name)
        yield from places(member, (*path, name))


@settings(max_examples=60)
@given(
    st.sampled_from(list(places(WHOLE))),
    st.sampled_from([None, "", [], {}, "text", 3, -1, 1.5, True, [None], ["text"], {"a": 1}]),
)
@example(("HumanTaskConfig", "UiConfig"), "text")
@example(("HumanTaskConfig", "PreHumanTaskLambdaArn"), "text")
def test_no_member_of_a_config_breaks_the_check(path: tuple[Any, ...], value: Any) -> None:
    config = copy.deepcopy(WHOLE)
    holder: Any = config
    for name in path[:-1]:
        holder = holder[name]
    holder[path[-1]] = value
    for sent in (config, {path[0]: config[path[0]]}):
        try:
            named = fields(sent)
        except InvalidRequestError as error:
            named = [problem.field for problem in error.problems]
        assert all(named)
