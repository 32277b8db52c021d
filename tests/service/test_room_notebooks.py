"""What public notebooks on Ground Truth do with it, request by request (aws/amazon-sagemaker-examples).

Two are on streaming labeling jobs, where the second job of the chained one adjusts the boxes of the first; one counts
what each member of a private workteam has done, and one measures how right each worker is.
"""

from __future__ import annotations

import json
from collections import Counter
from typing import Any
from urllib.parse import urlsplit

from dev.portal import Browser
from dev.stack import wait_until
from labeling_provider.groundtruth.facts import lambda_arn
from labeling_provider.request import PrivateWorkteam
from tests.conftest import Lab, texts
from tests.own_names import own_id
from tests.service.engine.test_stream import Topic, counted, stopped
from tests.service.likeness import boxes_of, likeness
from tests.service.test_room_jobs import picture
from tests.service.web.portal.conftest import PeopleJob

LABELS = ["Pedestrian", "Street Car", "Biker"]
TEMPLATE = """<script src="https://assets.crowd.aws/crowd-html-elements.js"></script>
<crowd-form>
  <crowd-bounding-box name="boundingBox" src="{{ task.input.taskObject | grant_read_access }}"
    header="Draw a tight box around each object." labels="{{ task.input.labels | to_json | escape }}">
    <full-instructions header="Please annotate each object">Inspect, determine, outline.</full-instructions>
    <short-instructions>Boxes should fit tightly around each object.</short-instructions>
  </crowd-bounding-box>
</crowd-form>"""


def start(
    lab: Lab, source: Topic, output: Topic, function: str = "BoundingBox", team: str = "private-simulated"
) -> str:
    """The notebook's request, with its settings; the job's name once it is InProgress."""
    name = f"GroundTruth-Streaming-{own_id().hex[:8]}"
    categories = {"document-version": "2018-11-28", "labels": [{"label": label} for label in LABELS]}
    request = {
        "InputConfig": {"DataSource": {"SnsDataSource": {"SnsTopicArn": source.arn}}},
        "HumanTaskConfig": {
            "PreHumanTaskLambdaArn": lambda_arn(f"PRE-{function}", "us-east-1"),
            "MaxConcurrentTaskCount": 100,
            "NumberOfHumanWorkersPerDataObject": 1,
            "TaskAvailabilityLifetimeInSeconds": 21600,
            "TaskDescription": "Draw boxes around specified labels in this image",
            "WorkteamArn": lab.team(team),
            "AnnotationConsolidationConfig": {
                "AnnotationConsolidationLambdaArn": lambda_arn(f"ACS-{function}", "us-east-1")
            },
            "TaskKeywords": ["Bounding Box"],
            "TaskTimeLimitInSeconds": 600,
            "TaskTitle": "Draw boxes around objects",
            "UiConfig": {"UiTemplateS3Uri": lab.put(f"notebook/{name}/instructions.template", TEMPLATE)},
        },
        "LabelAttributeName": name,
        "LabelCategoryConfigS3Uri": lab.put(f"notebook/{name}/class_labels.json", json.dumps(categories)),
        "LabelingJobName": name,
        "OutputConfig": {"S3OutputPath": "s3://lab/notebook/output/", "SnsTopicArn": output.arn},
        "RoleArn": lab.role,
    }
    lab.sagemaker.create_labeling_job(**request)
    assert lab.wait(name, {"InProgress"})["LabelAttributeName"] == name
    return name


def message(lab: Lab, number: int = 0) -> dict[str, Any]:
    """One for a picture with two boxes, which are elsewhere for another number."""
    biker = {"label": "Biker", "left": 5 + 2 * number, "top": 6, "width": 20, "height": 10}
    car = {"label": "Street Car", "left": 40 - 3 * number, "top": 20, "width": 15, "height": 12 + number}
    return {"source-ref": picture(lab, f"notebook/{own_id().hex[:8]}.png"), "truth": [biker, car]}


def right(line: dict[str, Any], name: str) -> float:
    """How like the truth the boxes of a label are."""
    return likeness(boxes_of(line[name], LABELS), line["truth"])


def test_the_notebook_on_a_streaming_job(lab: Lab) -> None:
    source, output = Topic(lab), Topic(lab, listen=True)
    name = start(lab, source, output)
    queue = lab.service.client("sqs").get_queue_url(QueueName="GroundTruth-" + name.lower())["QueueUrl"]
    assert queue.endswith(f"/GroundTruth-{name.lower()}")
    request = message(lab, 3)
    # It publishes Python's own way to write a dict, which is no JSON: the object is counted, and fails.
    source.publish(str({"source-ref": request["source-ref"]}))
    counted(lab, name, FailedNonRetryableError=1)
    source.publish(request)
    (line,) = output.heard(1)
    assert line["source-ref"] == request["source-ref"]
    assert line[f"{name}-metadata"]["class-map"] == {"1": "Street Car", "2": "Biker"}
    assert line[name]["image_size"] == [{"width": 60, "height": 40, "depth": 3}]
    assert right(line, name) > 0.9
    assert right({**line, "truth": message(lab)["truth"]}, name) < 0.7, "another picture's boxes are elsewhere"
    description = counted(lab, name, TotalLabeled=1, FailedNonRetryableError=1)
    assert description["LabelingJobStatus"] == "InProgress"
    failed, labeled = stopped(lab, name)
    assert "not JSON" in failed[f"{name}-metadata"]["failure-reason"]
    assert labeled == line


def test_the_notebook_on_chained_streaming_jobs(lab: Lab) -> None:
    source, between, output = Topic(lab), Topic(lab), Topic(lab, listen=True)
    first = start(lab, source, between, team="hasty")
    second = start(lab, between, output, "AdjustmentBoundingBox")
    sent = [message(lab, number) for number in range(6)]
    for data_object in sent:
        source.publish(data_object)
    heard = {line["source-ref"]: line for line in output.heard(6)}
    assert heard.keys() == {line["source-ref"] for line in sent}
    wait_until(lambda: lab.describe(second)["LabelCounters"]["TotalLabeled"] == 6, 30, "the second job has counted")
    statuses = {line[f"{second}-metadata"]["adjustment-status"] for line in heard.values()}
    assert "adjusted" in statuses, "the first job's workers are hasty"
    for line in stopped(lab, first):
        adjusted = heard[line["source-ref"]]
        assert {key: adjusted[key] for key in line} == line, "what the first job says is kept"
        assert adjusted["dataset-objectid-attribute-name"] == f"${first}-object-id"
        assert adjusted[f"{second}-metadata"]["job-name"] == f"labeling-job/{second.lower()}"
        is_changed = adjusted[second]["annotations"] != adjusted[first]["annotations"]
        status = "adjusted" if is_changed else "unadjusted"
        assert adjusted[f"{second}-metadata"]["adjustment-status"] == status
        assert right(adjusted, second) > (0.6 if right(adjusted, first) > 0.6 else 0.9)
    assert {line["source-ref"]: line for line in stopped(lab, second)} == heard


def answers(lab: Lab, name: str) -> list[tuple[str, dict[str, Any]]]:
    """The answers of a job's worker responses, each with the number of its object's line."""
    description = lab.describe(name)
    place = urlsplit(f"{description['OutputConfig']['S3OutputPath'].strip('/')}/{name}/annotations/worker-response/")
    pages = lab.s3.get_paginator("list_objects").paginate(Bucket=place.netloc, Prefix=place.path.lstrip("/"))
    keys = [entry["Key"] for page in pages for entry in page["Contents"] if entry["Key"].endswith(".json")]
    responses = [(key.split("/")[-2], json.loads(lab.get(f"s3://{place.netloc}/{key}"))) for key in keys]
    return [(number, answer) for number, response in responses for answer in response["answers"]]


def test_the_notebook_on_the_contribution_of_workers(lab: Lab) -> None:
    contributions = {"Contributor One": 5, "Contributor Two": 2, "Contributor Three": 1}
    job = PeopleJob(lab, texts(11), workers_per_object=1)
    for name, count in contributions.items():
        person = Browser(lab.service.endpoint_url).sign_in(name)
        for _ in range(count):
            person.submit(job.number, person.next(job.number)["task"]["id"], "cat")
    # Each of them has a next one in hand.
    lab.sagemaker.stop_labeling_job(LabelingJobName=job.name)
    lab.wait(job.name, {"Stopped"})
    identities = [answer["workerMetadata"]["identityData"] for _, answer in answers(lab, job.name)]
    assert {identity["identityProviderType"] for identity in identities} == {"Cognito"}
    (issuer,) = {identity["issuer"] for identity in identities}
    pool = issuer.split("/")[-1]
    cognito = lab.service.client("cognito-idp")
    counted: Counter[str] = Counter()
    for sub, count in Counter(identity["sub"] for identity in identities).items():
        (user,) = cognito.list_users(UserPoolId=pool, Filter=f'sub="{sub}"')["Users"]
        counted[user["Username"]] += count
    assert counted == contributions
    workteam = lab.sagemaker.describe_workteam(WorkteamName="private-people")["Workteam"]
    (member,) = (definition["CognitoMemberDefinition"] for definition in workteam["MemberDefinitions"])
    workforce = lab.sagemaker.describe_workforce(WorkforceName=workteam["WorkforceArn"].split("/")[-1])["Workforce"]
    assert pool == member["UserPool"] == workforce["CognitoConfig"]["UserPool"]
    assert issuer == f"https://cognito-idp.us-east-1.amazonaws.com/{pool}"
    group = cognito.list_users_in_group(UserPoolId=pool, GroupName=member["UserGroup"])["Users"]
    assert counted.keys() <= {user["Username"] for user in group}


def test_the_notebook_on_the_accuracy_of_workers_on_texts(lab: Lab) -> None:
    truths = ("cat", "dog", "bird")
    description, _ = lab.run(texts(30, truths), workforce=PrivateWorkteam(lab.team("one-hasty")), workers_per_object=5)
    name = description["LabelingJobName"]
    golden = {str(number): truths[number % 3] for number in range(0, 30, 2)}
    # The last key of the first line is taken for the label's metadata.
    lines = [json.loads(line) for line in lab.get(f"s3://lab/out/{name}/manifests/output/output.manifest").splitlines()]
    metadata = list(lines[0])[-1]
    consolidated = {str(number): line[metadata]["class-name"] for number, line in enumerate(lines)}
    said_of_golden: dict[str, list[bool]] = {}
    agreed: dict[str, list[bool]] = {}
    for number, answer in answers(lab, name):
        said = answer["answerContent"]["crowd-classifier"]["label"]
        agreed.setdefault(answer["workerId"], []).append(said == consolidated[number])
        if number in golden:
            said_of_golden.setdefault(answer["workerId"], []).append(said == golden[number])
    for measured, each in ((agreed, 30), (said_of_golden, 15)):
        assert [len(said) for said in measured.values()] == [each] * 5
        assert sorted(map(sum, measured.values())) == [0, *[each] * 4], "one worker is always wrong"
    assert [worker for worker, said in agreed.items() if not any(said)] == [
        worker for worker, said in said_of_golden.items() if not any(said)
    ]
    kept = lab.put("notebook/worker_metrics.json", json.dumps({worker: sum(said) for worker, said in agreed.items()}))
    assert json.loads(lab.get(kept)).keys() == agreed.keys()
