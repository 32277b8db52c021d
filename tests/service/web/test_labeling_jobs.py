"""The labeling operations: what they take, refuse and answer."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.conftest import Lab, texts
from tests.own_names import own_id
from tests.service.test_room_jobs import picture


def refused(lab: Lab, operation: str, **request: Any) -> tuple[str, str, int]:
    """Code, message and HTTP status with which a request is refused."""
    from botocore.config import Config

    client = lab.service.client("sagemaker", config=Config(parameter_validation=False))
    with pytest.raises(ClientError) as caught:
        getattr(client, operation)(**request)
    error = caught.value.response
    return error["Error"]["Code"], error["Error"]["Message"], error["ResponseMetadata"]["HTTPStatusCode"]


def test_describe_gives_back_what_was_created_with_the_defaults_filled_in(lab: Lab) -> None:
    request = lab.request(texts(2), tags={"team": "birds"})
    answer = lab.sagemaker.create_labeling_job(**request)
    description = lab.describe(request["LabelingJobName"].upper())
    assert description["LabelingJobArn"] == answer["LabelingJobArn"]
    assert description["LabelingJobArn"] == (
        f"arn:aws:sagemaker:us-east-1:123456789012:labeling-job/{request['LabelingJobName']}"
    )
    for key in ("LabelAttributeName", "InputConfig", "RoleArn", "LabelCategoryConfigS3Uri"):
        assert description[key] == request[key]
    assert description["OutputConfig"] == {**request["OutputConfig"], "KmsKeyId": ""}
    assert description["HumanTaskConfig"]["MaxConcurrentTaskCount"] == 1000
    assert description["HumanTaskConfig"]["TaskAvailabilityLifetimeInSeconds"] == 2_592_000
    assert description["JobReferenceCode"].startswith("123456789012")
    assert len(description["JobReferenceCode"]) == 28
    assert description["Tags"] == [{"Key": "team", "Value": "birds"}]
    assert abs(description["CreationTime"] - datetime.now(UTC)) < timedelta(minutes=1)


def test_files_and_objects_may_be_named_by_their_address_at_amazon(lab: Lab) -> None:
    def address(uri: str) -> str:
        bucket, _, key = uri.removeprefix("s3://").partition("/")
        return f"https://{bucket}.s3.us-east-1.amazonaws.com/{key}"

    objects = [{"source-ref": address(picture(lab, "at amazon/a.png").replace(" ", "%20")), "truth": "cat"}]
    request = lab.request(objects, task_type="image-classification", labels=["cat", "dog"])
    source = request["InputConfig"]["DataSource"]["S3DataSource"]
    source["ManifestS3Uri"] = address(source["ManifestS3Uri"])
    request["OutputConfig"]["S3OutputPath"] = address(request["OutputConfig"]["S3OutputPath"])
    request["LabelCategoryConfigS3Uri"] = address(request["LabelCategoryConfigS3Uri"])
    interface = request["HumanTaskConfig"]["UiConfig"]
    interface["UiTemplateS3Uri"] = address(interface["UiTemplateS3Uri"])
    lab.sagemaker.create_labeling_job(**request)
    description = lab.wait(request["LabelingJobName"])
    assert description["LabelingJobStatus"] == "Completed", description
    assert description["InputConfig"] == request["InputConfig"]
    assert description["OutputConfig"]["S3OutputPath"] == request["OutputConfig"]["S3OutputPath"]
    output = f"s3://lab/out/{request['LabelingJobName']}/manifests/output/output.manifest"
    assert description["LabelingJobOutput"]["OutputDatasetS3Uri"] == output
    (line,) = lab.output(description)
    assert line["source-ref"] == objects[0]["source-ref"]
    assert line[f"{request['LabelAttributeName']}-metadata"]["class-name"] == "cat"


def test_a_name_is_taken_whatever_its_case(lab: Lab) -> None:
    name = lab.create(texts(1), f"Taken-{own_id().hex[:8]}")
    request = lab.request(texts(1), name.upper())
    code, message, status = refused(lab, "create_labeling_job", **request)
    assert (code, status) == ("ResourceInUse", 400)
    assert name.upper() in message


def test_a_job_that_does_not_exist_is_not_found(lab: Lab) -> None:
    for operation in ("describe_labeling_job", "stop_labeling_job"):
        code, message, status = refused(lab, operation, LabelingJobName="nobody")
        assert (code, status) == ("ResourceNotFound", 400)
        assert "nobody" in message


def test_the_models_constraints_are_checked_in_amazons_words(lab: Lab) -> None:
    request = lab.request(texts(1))
    request["LabelingJobName"] = "not_a_name"
    request["HumanTaskConfig"]["NumberOfHumanWorkersPerDataObject"] = 10
    request["HumanTaskConfig"]["TaskKeywords"] = ["a-b"]
    del request["RoleArn"]
    code, message, _ = refused(lab, "create_labeling_job", **request)
    assert code == "ValidationException"
    assert message.startswith("4 validation errors detected: ")
    assert (
        "Value 'not_a_name' at 'labelingJobName' failed to satisfy constraint: Member must satisfy regular expression "
        "pattern: [a-zA-Z0-9](-*[a-zA-Z0-9]){0,62}"
    ) in message
    assert "at 'humanTaskConfig.numberOfHumanWorkersPerDataObject'" in message
    assert "at 'humanTaskConfig.taskKeywords.1.member'" in message
    assert "Value null at 'roleArn' failed to satisfy constraint: Member must not be null" in message


@pytest.mark.parametrize(
    ("change", "words"),
    [
        (lambda r: r.update(LabelAttributeName="label-ref"), "must not end with -ref"),
        (lambda r: r["HumanTaskConfig"].update(WorkteamArn=r["HumanTaskConfig"]["WorkteamArn"] + "x"), "not exist"),
        (
            lambda r: r["HumanTaskConfig"].update(
                WorkteamArn="arn:aws:sagemaker:eu-west-1:123456789012:workteam/private-crowd/a"
            ),
            "eu-west-1",
        ),
        (lambda r: r.update(RoleArn="arn:aws:iam::123456789012:role/nobody"), "does not exist"),
        (
            lambda r: r.update(
                LabelingJobAlgorithmsConfig={
                    "LabelingJobAlgorithmSpecificationArn": "arn:aws:sagemaker:us-east-1:027400017018:"
                    "labeling-job-algorithm-specification/image-classification"
                }
            ),
            "not the algorithm of text-classification",
        ),
    ],
    ids=["attribute", "workteam", "region", "role", "automated"],
)
def test_rules_are_checked_when_the_job_is_created(lab: Lab, change: Any, words: str) -> None:
    request = lab.request(texts(1))
    change(request)
    code, message, status = refused(lab, "create_labeling_job", **request)
    assert (code, status) == ("ValidationException", 400)
    assert words in message


def test_unknown_operations_and_broken_bodies_are_answered_as_errors(lab: Lab) -> None:
    import urllib.error
    import urllib.request

    def post(target: str, body: bytes) -> tuple[int, str]:
        headers = {"X-Amz-Target": target, "Content-Type": "application/x-amz-json-1.1"}
        request = urllib.request.Request(lab.service.endpoint_url, body, headers)
        with pytest.raises(urllib.error.HTTPError) as caught:
            urllib.request.urlopen(request)
        return caught.value.code, caught.value.read().decode()

    status, body = post("SageMaker.CreateEverything", b"{}")
    assert status == 404
    assert "UnknownOperationException" in body
    for broken in (b"{", b"[]", b'{"a":' * 100_000):
        status, body = post("SageMaker.ListLabelingJobs", broken)
        assert status == 400
        assert "SerializationException" in body


@pytest.fixture(scope="module")
def many(lab: Lab) -> list[str]:
    """Twelve stopped jobs with names in no order of creation."""
    names = [f"page-{(number * 7) % 12:02}" for number in range(12)]
    manifest = lab.manifest(texts(1))
    for name in names:
        lab.create(manifest, name, workforce=lab.people)
    for name in names[:4]:
        lab.sagemaker.stop_labeling_job(LabelingJobName=name)
        lab.wait(name)
    for name in names[4:]:
        lab.wait(name, {"InProgress"})
    return names


def listed(lab: Lab, **arguments: Any) -> list[str]:
    pages = lab.sagemaker.get_paginator("list_labeling_jobs").paginate(NameContains="PAGE-", **arguments)
    return [job["LabelingJobName"] for page in pages for job in page["LabelingJobSummaryList"]]


def test_jobs_are_listed_in_every_order_across_pages(lab: Lab, many: list[str]) -> None:
    for size in (1, 5, 100):
        paging = {"PaginationConfig": {"PageSize": size}}
        assert listed(lab, **paging) == many
        assert listed(lab, SortOrder="Descending", **paging) == many[::-1]
        assert listed(lab, SortBy="Name", **paging) == sorted(many)
        assert listed(lab, SortBy="Name", SortOrder="Descending", **paging) == sorted(many)[::-1]
        by_status = listed(lab, SortBy="Status", **paging)
        assert set(by_status[:8]) == set(many[4:])
        assert set(by_status[8:]) == set(many[:4])


def test_jobs_are_filtered_by_status_and_times(lab: Lab, many: list[str]) -> None:
    assert listed(lab, StatusEquals="Stopped") == many[:4]
    middle = lab.describe(many[6])
    assert listed(lab, CreationTimeAfter=middle["CreationTime"]) == many[7:]
    assert listed(lab, CreationTimeBefore=middle["CreationTime"]) == many[:6]
    assert listed(lab, LastModifiedTimeAfter=datetime.now(UTC) + timedelta(hours=1)) == []
    assert listed(lab, LastModifiedTimeBefore=datetime.now(UTC) + timedelta(hours=1)) == many


def test_a_page_is_ten_jobs_unless_asked_otherwise(lab: Lab, many: list[str]) -> None:
    page = lab.sagemaker.list_labeling_jobs(NameContains="page-")
    assert len(page["LabelingJobSummaryList"]) == 10
    assert page["NextToken"]
    first = page["LabelingJobSummaryList"][0]
    assert first["WorkteamArn"] == lab.team("private-people")
    assert first["PreHumanTaskLambdaArn"].endswith("PRE-TextMultiClass")
    assert first["InputConfig"]["DataSource"]["S3DataSource"]["ManifestS3Uri"]


@pytest.mark.parametrize("token", ["nonsense", "W10=", "WzEsMiwzXQ==", "eyJhIjoxfQ==", "W251bGwsbnVsbF0="])
def test_a_token_of_our_making_is_not_taken_from_anybody(lab: Lab, token: str) -> None:
    code, _, _ = refused(lab, "list_labeling_jobs", NextToken=token)
    assert code == "ValidationException"


def test_a_workteams_jobs_show_what_people_still_have_to_do(lab: Lab, many: list[str]) -> None:
    arn = lab.team("private-people")
    pages = lab.sagemaker.get_paginator("list_labeling_jobs_for_workteam").paginate(
        WorkteamArn=arn, SortOrder="Ascending", PaginationConfig={"PageSize": 5}
    )
    jobs = {job["LabelingJobName"]: job for page in pages for job in page["LabelingJobSummaryList"]}
    assert set(many) <= set(jobs)
    open_job = jobs[many[5]]
    assert open_job["LabelCounters"] == {"HumanLabeled": 0, "PendingHuman": 1, "Total": 1}
    assert open_job["NumberOfHumanWorkersPerDataObject"] == 3
    assert open_job["WorkRequesterAccountId"] == "123456789012"
    assert jobs[many[0]]["LabelCounters"]["PendingHuman"] == 0
    code = open_job["JobReferenceCode"][14:]
    answer = lab.sagemaker.list_labeling_jobs_for_workteam(WorkteamArn=arn, JobReferenceCodeContains=code)
    assert [job["LabelingJobName"] for job in answer["LabelingJobSummaryList"]] == [many[5]]
    assert refused(lab, "list_labeling_jobs_for_workteam", WorkteamArn=arn + "x")[0] == "ResourceNotFound"


def test_stopping_a_job_that_has_ended_changes_nothing(lab: Lab, many: list[str]) -> None:
    before = lab.describe(many[0])
    lab.sagemaker.stop_labeling_job(LabelingJobName=many[0])
    after = lab.describe(many[0])
    assert after["LabelingJobStatus"] == "Stopped"
    assert after["LastModifiedTime"] == before["LastModifiedTime"]
