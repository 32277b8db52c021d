"""What is checked before a labeling job is created: buckets, role, workteam."""

from __future__ import annotations

import json
from typing import Any

import pytest

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.request import PrivateWorkteam
from tests.conftest import Lab
from tests.jobs.yards import Yard, complaints, looked_at, pictures
from tests.own_names import own_id

pytestmark = pytest.mark.once


def test_a_bucket_that_lets_no_browser_in_is_named_and_can_be_mended(lab: Lab) -> None:
    yard = Yard(lab)
    (problem,) = complaints(pictures(yard, fix_cors=False))
    assert f"CORS: the bucket {yard.bucket} has no CORS rule that allows GET" in problem
    mine = {"AllowedMethods": ["PUT"], "AllowedOrigins": ["https://lab.example"], "MaxAgeSeconds": 5}
    lab.s3.put_bucket_cors(Bucket=yard.bucket, CORSConfiguration={"CORSRules": [mine]})
    assert pictures(yard).run()
    added = {"AllowedMethods": ["GET"], "AllowedOrigins": ["*"], "ExposeHeaders": ["Access-Control-Allow-Origin"]}
    assert yard.cors() == [mine, added]
    assert pictures(yard, fix_cors=False).run()
    pictures(yard).run()
    assert len(yard.cors()) == 2


def test_the_bucket_that_feeds_a_streaming_job_is_looked_at_too(lab: Lab) -> None:
    yard = Yard(lab, 0)
    arn = f"arn:aws:sns:us-east-1:123456789012:groundtruth-{own_id().hex[:8]}"
    task = looked_at(
        lab,
        task_type="image-classification",
        manifest_uri=None,
        input_topic_arn=arn,
        create_topics=True,
        notify_from=f"s3://{yard.bucket}/new/",
        preflight="fail",
    )
    (problem,) = complaints(task)
    assert f"the bucket {yard.bucket} has no CORS rule" in problem


@pytest.mark.parametrize(
    ("rule", "enough"),
    [
        ({"AllowedMethods": ["GET", "PUT"], "AllowedOrigins": ["*"]}, True),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["https://*.labeling.us-east-1.sagemaker.aws"]}, True),
        ({"AllowedMethods": ["HEAD"], "AllowedOrigins": ["*"]}, False),
        ({"AllowedMethods": ["GET"], "AllowedOrigins": ["https://lab.example"]}, False),
    ],
)
def test_a_rule_must_let_workers_read(lab: Lab, rule: dict[str, Any], enough: bool) -> None:
    yard = Yard(lab)
    lab.s3.put_bucket_cors(Bucket=yard.bucket, CORSConfiguration={"CORSRules": [rule]})
    task = pictures(yard, fix_cors=False)
    if enough:
        assert task.run()
    else:
        assert "no CORS rule" in complaints(task)[0]


def test_everything_must_be_in_one_region_and_there(lab: Lab) -> None:
    yard = Yard(lab, CreateBucketConfiguration={"LocationConstraint": "eu-west-1"})
    complained = complaints(pictures(yard, output_uri="s3://nobody-has-this-bucket/out"))
    assert any(
        f"the bucket {yard.bucket} is in eu-west-1, but the job is in us-east-1" in complaint
        for complaint in complained
    )
    assert any("the bucket nobody-has-this-bucket does not exist" in complaint for complaint in complained)


def test_role_and_workteam_are_looked_at(lab: Lab) -> None:
    iam = lab.service.client("iam")
    name = f"role-{own_id().hex[:8]}"
    trust = {"Effect": "Allow", "Principal": {"Service": ["ec2.amazonaws.com"]}, "Action": "sts:AssumeRole"}
    policy = json.dumps({"Version": "2012-10-17", "Statement": [trust]})
    arn = iam.create_role(RoleName=name, AssumeRolePolicyDocument=policy)["Role"]["Arn"]
    (problem,) = complaints(looked_at(lab, role_arn=arn))
    assert f"the role {name} does not let sagemaker.amazonaws.com assume it" in problem
    (problem,) = complaints(looked_at(lab, role_arn=f"{arn}-gone"))
    assert f"there is no role {name}-gone" in problem
    for mistaken, nearest in (("private-peple", "private-people"), ("simulated", "private-simulated")):
        team = lab.team().replace("private-simulated", mistaken)
        (problem,) = complaints(looked_at(lab, workforce=PrivateWorkteam(team)))
        assert (
            f"there is no workteam {mistaken}. Create it, or correct the ARN. There is {lab.team(nearest)}" in problem
        )
        assert ({"private-people", "private-simulated"} - {nearest}).pop() in problem.partition("and of others: ")[2]


def test_a_right_that_the_role_lacks_is_named(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    make = GroundTruth.client

    def client(ground_truth: Any, service: str, **settings: Any) -> Any:
        made = make(ground_truth, service, **settings)
        if service == "iam":
            # moto can't simulate policies.
            made.simulate_principal_policy = lambda **ask: {
                "EvaluationResults": [
                    {
                        "EvalActionName": action,
                        "EvalResourceName": resource,
                        "EvalDecision": "allowed" if "GetObject" in action else "implicitDeny",
                    }
                    for action in ask["ActionNames"]
                    for resource in ask["ResourceArns"]
                ]
            }
        return made

    monkeypatch.setattr(GroundTruth, "client", client)
    (problem,) = complaints(looked_at(lab))
    assert "lacks the permission s3:PutObject on arn:aws:s3:::lab/out/*" in problem
