"""A job's request as it is changed before it is sent."""

from __future__ import annotations

import copy
from datetime import UTC, datetime
from typing import Any

from labeling_provider.groundtruth.description import JobDescription
from labeling_provider.groundtruth.request_edits import EditableRequest

TEAM = "arn:aws:sagemaker:us-east-1:123456789012:workteam/private-crowd/birds"
TOPIC = "arn:aws:sns:us-east-1:123456789012:{}"


def described(**members: Any) -> JobDescription:
    """A streaming job with automated labeling, as DescribeLabelingJob tells of it."""
    time = datetime(2026, 1, 1, tzinfo=UTC)
    return JobDescription(
        {
            "LabelingJobName": "birds",
            "LabelingJobArn": "arn:aws:sagemaker:us-east-1:123456789012:labeling-job/birds",
            "LabelingJobStatus": "InProgress",
            "LabelCounters": {},
            "CreationTime": time,
            "LastModifiedTime": time,
            "LabelAttributeName": "bird",
            "InputConfig": {
                "DataSource": {
                    "S3DataSource": {"ManifestS3Uri": "s3://lab/in.manifest"},
                    "SnsDataSource": {"SnsTopicArn": TOPIC.format("in")},
                },
                "DataAttributes": {"ContentClassifiers": []},
            },
            "OutputConfig": {
                "S3OutputPath": "https://lab.s3.amazonaws.com/out",
                "KmsKeyId": "",
                "SnsTopicArn": TOPIC.format("out"),
            },
            "RoleArn": "arn:aws:iam::123456789012:role/labels",
            "StoppingConditions": {"MaxHumanLabeledObjectCount": 50},
            "LabelingJobAlgorithmsConfig": {"InitialActiveLearningModelArn": "arn:model"},
            "HumanTaskConfig": {
                "WorkteamArn": TEAM,
                "PreHumanTaskLambdaArn": "arn:before",
                "AnnotationConsolidationConfig": {"AnnotationConsolidationLambdaArn": "arn:after"},
                "PublicWorkforceTaskPrice": {},
            },
            "Tags": [{"Key": "owner", "Value": "ann"}],
            **members,
        }
    )


def test_a_request_has_what_the_description_repeats_and_nothing_empty() -> None:
    members = EditableRequest.of(described()).members
    assert "LabelingJobArn" not in members
    assert "LabelCounters" not in members
    assert "Tags" not in members
    assert "DataAttributes" not in members["InputConfig"]
    assert "KmsKeyId" not in members["OutputConfig"]
    assert "PublicWorkforceTaskPrice" not in members["HumanTaskConfig"]


def test_changes_reach_every_member_and_not_the_description() -> None:
    job = described()
    before = copy.deepcopy(job.members)
    request = EditableRequest.of(job)
    request.tag({"from": "amazon"})
    request.tag({"from": "amazon too", "owner": "bob"})
    request.read_manifest("s3://lab/rest.manifest")
    request.write_to_folder("self-hosted")
    request.replace_topics({TOPIC.format("in"): TOPIC.format("here"), TOPIC.format("other"): TOPIC.format("x")})
    request.assign(TEAM.replace("birds", "mine"))
    request.stop_after(20)
    request.stop_at(30)
    request.start_from("arn:mine")
    request.name_categories("s3://lab/labels.json")
    request.show("s3://lab/page")
    request.fill_defaults()
    assert request.tags == {"from": "amazon too", "owner": "bob"}
    assert request.manifest_uri == "s3://lab/rest.manifest"
    assert request.output_path == "s3://lab/out/self-hosted"
    assert (request.input_topic_arn, request.output_topic_arn) == (TOPIC.format("here"), TOPIC.format("out"))
    assert request.workteam_arn == TEAM.replace("birds", "mine")
    assert (request.max_human_labeled, request.max_percentage_labeled) == (20, 30)
    assert request.initial_model_arn == "arn:mine"
    assert (request.category_uri, request.template_uri) == ("s3://lab/labels.json", "s3://lab/page")
    assert request.members["HumanTaskConfig"]["MaxConcurrentTaskCount"] == 1_000
    assert request.members["HumanTaskConfig"]["TaskAvailabilityLifetimeInSeconds"] == 30 * 24 * 3600
    assert job.members == before


def test_what_is_removed_is_told() -> None:
    request = EditableRequest.of(described())
    assert request.function_arns == ["arn:before", "arn:after"]
    assert request.is_streaming
    assert request.drop_first_model()
    assert request.is_automated
    assert not request.drop_first_model()
    assert request.drop_price() == []
    # The empty rest of the configuration is not worth telling.
    assert request.retire() == ["SnsDataSource", "SnsTopicArn", "StoppingConditions"]
    assert not request.is_automated
    assert not request.is_streaming
    assert request.output_topic_arn is None
    assert request.max_human_labeled is None
    assert request.drop_functions() == ["PreHumanTaskLambdaArn", "AnnotationConsolidationConfig"]
    assert request.function_arns == []


def test_each_source_of_objects_can_be_dropped_and_people_can_do_it_all() -> None:
    request = EditableRequest.of(described())
    request.drop_manifest()
    assert (request.manifest_uri, request.is_streaming) == (None, True)
    request.read_manifest("s3://lab/rest.manifest")
    request.drop_input_topic()
    assert (request.manifest_uri, request.is_streaming) == ("s3://lab/rest.manifest", False)
    assert request.output_topic_arn == TOPIC.format("out")
    request.drop_automation()
    assert not request.is_automated
    assert request.max_human_labeled == 50
    paid = EditableRequest({"HumanTaskConfig": {"PublicWorkforceTaskPrice": {"AmountInUsd": {"Cents": 1}}}})
    assert paid.drop_price() == ["PublicWorkforceTaskPrice"]
    assert paid.members == {"HumanTaskConfig": {}}


def test_nothing_is_removed_from_where_nothing_is() -> None:
    request = EditableRequest({"LabelingJobName": "birds", "InputConfig": None})
    assert not request.retire()
    assert not request.drop_functions()
    request.replace_topics({"": "arn:x"})
    assert request.members == {"LabelingJobName": "birds", "InputConfig": None}


def test_what_would_go_into_a_member_that_is_no_mapping_is_not_written() -> None:
    wrong: dict[str, Any] = {
        "InputConfig": {"DataSource": {"SnsDataSource": "topic"}},
        "OutputConfig": ["s3://lab/out"],
        "StoppingConditions": 5,
        "LabelingJobAlgorithmsConfig": "arn",
        "HumanTaskConfig": {"UiConfig": "s3://lab/page"},
        "Tags": "ann",
    }
    request = EditableRequest(copy.deepcopy(wrong))
    request.write_to_folder("in")
    request.replace_topics({TOPIC.format("in"): TOPIC.format("new")})
    request.stop_after(3)
    request.stop_at(3)
    request.start_from("arn:model")
    request.show("s3://lab/other")
    assert request.members == wrong
    assert request.tags == {}
    without_people = EditableRequest({"HumanTaskConfig": "text"})
    without_people.show("s3://lab/other")
    without_people.assign(TEAM)
    without_people.fill_defaults()
    assert without_people.members == {"HumanTaskConfig": "text"}
