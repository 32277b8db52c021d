"""Streaming jobs of the local service: what comes in by the topic, waits in the queue, and goes out again."""

from __future__ import annotations

import json
import random
import time
from collections.abc import Iterator
from io import BytesIO
from pathlib import Path
from typing import Any
from urllib.request import urlopen

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from PIL import Image

from dev.stack import Service, wait_until
from labeling_provider.request import PrivateWorkteam
from tests.conftest import Lab, texts, without_marks
from tests.own_names import own_id
from tests.service.kinds.some_clouds import (
    LINE,
    SEQUENCE_LINE,
    classes,
    cloud_objects,
    cuboids_label,
    tracks_label,
)
from tests.service.test_room_jobs import picture

KEY = "dataset-objectid-attribute-name"


class Topic:
    """An SNS topic, with a queue that hears what is published to it."""

    def __init__(self, lab: Lab, listen: bool = False) -> None:
        self.connect(lab)
        name = f"groundtruth-{own_id().hex[:8]}"
        self.arn = str(self.sns.create_topic(Name=name)["TopicArn"])
        if listen:
            self.url = str(self.sqs.create_queue(QueueName=f"{name}-heard")["QueueUrl"])
            attributes = self.sqs.get_queue_attributes(QueueUrl=self.url, AttributeNames=["QueueArn"])["Attributes"]
            self.sns.subscribe(TopicArn=self.arn, Protocol="sqs", Endpoint=attributes["QueueArn"])

    def connect(self, lab: Lab) -> None:
        """Make clients for where the service listens now."""
        self.sns, self.sqs = lab.service.client("sns"), lab.service.client("sqs")

    def publish(self, message: Any) -> str:
        """Publish a message, as JSON unless it is a text; its id."""
        text = message if isinstance(message, str) else json.dumps(message)
        return str(self.sns.publish(TopicArn=self.arn, Message=text)["MessageId"])

    def heard(self, count: int, seconds: float = 30) -> list[Any]:
        """What was published, once there is so much of it that differs; taken away."""
        labels: list[Any] = []

        def enough() -> bool:
            answer = self.sqs.receive_message(QueueUrl=self.url, MaxNumberOfMessages=10)
            for message in answer.get("Messages", []):
                labels.append(json.loads(json.loads(message["Body"])["Message"]))
                self.sqs.delete_message(QueueUrl=self.url, ReceiptHandle=message["ReceiptHandle"])
            return len({json.dumps(label) for label in labels}) >= count

        wait_until(enough, seconds, f"{count} different messages were heard", 0.05)
        return labels


def stream(lab: Lab, topic: Topic, output: Topic | None = None, **arguments: Any) -> str:
    """A streaming job that is InProgress; its name."""
    topics = {"input_topic_arn": topic.arn, "output_topic_arn": output.arn if output else None}
    name = lab.create(arguments.pop("manifest", None), **{"workers_per_object": 1, **topics, **arguments})
    lab.wait(name, {"InProgress"})
    return name


def counted(lab: Lab, name: str, **counters: int) -> dict[str, Any]:
    """Wait until a job's counters are so; its description."""

    def reached() -> dict[str, Any] | None:
        description = lab.describe(name)
        same = all(description["LabelCounters"][key] == value for key, value in counters.items())
        return description if same else None

    return wait_until(reached, 30, f"{name} counts {counters}, not {lab.describe(name)['LabelCounters']}", 0.05)


def stopped(lab: Lab, name: str) -> list[dict[str, Any]]:
    """Stop a job; its output lines."""
    lab.sagemaker.stop_labeling_job(LabelingJobName=name)
    return lab.output(lab.wait(name, {"Stopped"}))


def backlog(lab: Lab, name: str) -> int:
    sqs = lab.service.client("sqs")
    url = sqs.get_queue_url(QueueName=f"GroundTruth-{name.lower()}")["QueueUrl"]
    attributes = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["ApproximateNumberOfMessages"])["Attributes"]
    return int(attributes["ApproximateNumberOfMessages"])


def text(number: int, **more: Any) -> dict[str, Any]:
    return {"source": f"text {number}", "truth": "cat", **more}


def test_each_message_is_labeled_and_told_and_the_job_goes_on(lab: Lab) -> None:
    topic, output = Topic(lab), Topic(lab, listen=True)
    name = stream(lab, topic, output)
    ids = [topic.publish(text(number)) for number in range(3)]
    heard = {line["$label-object-id"]: line for line in output.heard(3)}
    assert set(heard) == set(ids)
    description = counted(lab, name, TotalLabeled=3)
    assert description["LabelingJobStatus"] == "InProgress"
    assert description["InputConfig"]["DataSource"] == {"SnsDataSource": {"SnsTopicArn": topic.arn}}
    topic.publish(text(3))
    output.heard(1)
    lines = stopped(lab, name)
    assert [line["source"] for line in lines] == [f"text {number}" for number in range(4)]
    assert lines[:3] == [heard[object_id] for object_id in ids]
    assert lines[0][KEY] == "$label-object-id"
    assert lines[0]["label-metadata"]["class-name"] == "cat"
    assert lines[0]["label-metadata"]["job-name"] == f"labeling-job/{name}"


def test_the_output_manifest_grows_while_the_job_runs(lab: Lab) -> None:
    topic = Topic(lab)
    name = stream(lab, topic)
    uri = f"s3://lab/out/{name}/manifests/output/output.manifest"
    assert lab.get(uri) == b""
    topic.publish(text(1))
    wait_until(lambda: b'"label-metadata"' in lab.get(uri), 30, "the label is in the manifest")
    assert lab.describe(name)["LabelingJobStatus"] == "InProgress"
    stopped(lab, name)


def test_the_same_id_is_labeled_once(lab: Lab) -> None:
    topic = Topic(lab)
    name = stream(lab, topic)
    topic.publish(text(1, key="one", **{KEY: "key"}))
    topic.publish(text(1, key="one", **{KEY: "key"}))
    topic.publish(text(2, other="one", **{KEY: "other"}))
    topic.publish(text(3, **{KEY: "source"}))
    topic.publish(text(3, **{KEY: "source"}))
    topic.publish(text(4))
    topic.publish(text(4))
    counted(lab, name, TotalLabeled=4)
    lines = stopped(lab, name)
    assert [line["source"] for line in lines] == ["text 1", "text 3", "text 4", "text 4"]
    assert (lines[0][KEY], lines[0]["key"]) == ("key", "one")
    assert lines[1][KEY] == "source"


def test_a_message_that_is_no_object_fails_alone(lab: Lab) -> None:
    topic = Topic(lab)
    name = stream(lab, topic)
    topic.publish('{"source": 5}')
    topic.publish(text(1))
    counted(lab, name, TotalLabeled=1, FailedNonRetryableError=1)
    failed, labeled = stopped(lab, name)
    assert 'has no "source"' in failed["label-metadata"]["failure-reason"]
    assert failed[KEY] == "$label-object-id"
    assert labeled["source"] == "text 1"


FUNCTION = "arn:aws:lambda:us-east-1:123456789012:function:"


@pytest.mark.parametrize(
    ("task_type", "truth", "more"),
    [
        ("image-classification", "dog", {}),
        ("image-classification-multilabel", ["cat", "dog"], {}),
        ("video-classification", "dog", {}),
        ("bounding-box", [{"label": "dog", "left": 1, "top": 2, "width": 3, "height": 4}], {}),
        ("semantic-segmentation", "mask", {"label_attribute_name": "label-ref"}),
        ("text-classification", "dog", {}),
        ("text-classification-multilabel", ["cat", "dog"], {}),
        ("named-entity-recognition", [{"label": "dog", "startOffset": 0, "endOffset": 3}], {}),
        (
            "custom",
            {"grade": "A"},
            {
                "labels": None,
                "instructions": None,
                "pre_annotation_function": FUNCTION + "pre",
                "consolidation_function": FUNCTION + "consolidate",
            },
        ),
    ],
)
def test_every_task_type_that_runs_also_streams(lab: Lab, task_type: str, truth: Any, more: dict[str, Any]) -> None:
    topic, output = Topic(lab), Topic(lab, listen=True)
    if task_type == "custom":
        more = {**more, "ui_template_uri": lab.put("template.liquid", "<crowd-form></crowd-form>")}
    if truth == "mask":
        truth = lab.put("masks/white.png", mask())
    name = stream(lab, topic, output, task_type=task_type, **more)
    of_text = task_type.startswith(("text", "named", "custom"))
    source = {"source": "the text"} if of_text else {"source-ref": picture(lab, "img/streamed.png")}
    topic.publish({**source, "truth": truth})
    (line,) = output.heard(1)
    attribute = more.get("label_attribute_name", "label")
    assert {attribute, f"{attribute}-metadata"} <= line.keys()
    assert stopped(lab, name) == [line]


@pytest.mark.parametrize(
    ("task_type", "source", "truth", "attribute"),
    [
        ("3d-point-cloud-object-detection", LINE, cuboids_label(random.Random(4), ["cat"]), "label"),
        ("3d-point-cloud-object-tracking", SEQUENCE_LINE, tracks_label(random.Random(4), ["cat"]), "label-ref"),
        ("3d-point-cloud-semantic-segmentation", LINE, classes(random.Random(4), ["cat"]), "label-ref"),
    ],
)
def test_point_clouds_stream_with_what_describes_them(
    lab: Lab, task_type: str, source: dict[str, Any], truth: Any, attribute: str
) -> None:
    for uri, body in cloud_objects().items():
        lab.put(uri.removeprefix("s3://lab/"), body)
    topic, output = Topic(lab), Topic(lab, listen=True)
    name = stream(lab, topic, output, task_type=task_type, label_attribute_name=attribute)
    topic.publish({**source, "truth": truth})
    (line,) = output.heard(1)
    assert {attribute, f"{attribute}-metadata"} <= line.keys(), line
    assert line["source-ref"] == source["source-ref"]
    assert stopped(lab, name) == [line]


def mask() -> bytes:
    body = BytesIO()
    Image.new("L", (60, 40), 1).save(body, "PNG")
    return body.getvalue()


def test_what_the_workers_have_no_room_for_waits_in_the_queue(lab: Lab) -> None:
    topic = Topic(lab)
    name = stream(lab, topic, workforce=lab.people, max_concurrent_objects=2)
    for number in range(5):
        topic.publish(text(number))
    counted(lab, name, Unlabeled=2)
    assert backlog(lab, name) == 3
    with urlopen(f"{lab.service.endpoint_url}/_labeling/jobs/{name}") as answer:
        page = without_marks(answer.read().decode())
    assert f"<th>Input topic</th><td>{topic.arn}</td>" in page
    assert "<th>Waiting in the queue</th><td>3</td>" in page
    assert [line["source"] for line in stopped(lab, name)] == ["text 0", "text 1"]
    assert backlog(lab, name) == 3
    subscriptions = topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    assert not subscriptions


def test_a_start_manifest_is_labeled_first_and_its_rest_waits_in_the_queue(lab: Lab) -> None:
    topic, output = Topic(lab), Topic(lab, listen=True)
    lines = [{**text(0), "key": "one", KEY: "key"}, text(1), text(1)]
    name = stream(lab, topic, output, manifest=lab.manifest(lines), max_concurrent_objects=1)
    topic.publish(text(9, key="one", **{KEY: "key"}))
    topic.publish(text(2))
    heard = output.heard(4)
    assert [line["source"] for line in heard] == ["text 0", "text 1", "text 1", "text 2"]
    assert [line["source"] for line in stopped(lab, name)] == ["text 0", "text 1", "text 1", "text 2"]


def test_new_objects_of_a_bucket_arrive_by_its_notifications(lab: Lab) -> None:
    topic = Topic(lab)
    lab.s3.create_bucket(Bucket="yard")
    lab.s3.put_bucket_notification_configuration(
        Bucket="yard",
        NotificationConfiguration={
            "TopicConfigurations": [{"TopicArn": topic.arn, "Events": ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]}]
        },
    )
    name = stream(lab, topic, task_type="image-classification", workforce=PrivateWorkteam(lab.team("slow")))
    # A test event for a topic that a job listens to already.
    configuration = lab.s3.get_bucket_notification_configuration(Bucket="yard")
    configuration.pop("ResponseMetadata")
    lab.s3.put_bucket_notification_configuration(Bucket="yard", NotificationConfiguration=configuration)
    key = "new pictures/ä+b &1.png"
    for _ in range(2):
        picture(lab, "any.png")
        lab.s3.put_object(Bucket="yard", Key=key, Body=b"picture")
    lab.s3.delete_object(Bucket="yard", Key=key)
    topic.publish({"source-ref": "s3://yard/last.png"})
    counted(lab, name, Unlabeled=3)
    *events, last = stopped(lab, name)
    assert last["source-ref"] == "s3://yard/last.png"
    for line in events:
        assert line["source-ref"] == f"s3://yard/{key}"
        assert line["$label-object-id"] == line["source-ref"] + line["$sequencer"]
    assert events[0]["$sequencer"] < events[1]["$sequencer"]


def test_the_output_of_one_job_is_the_input_of_the_next(lab: Lab) -> None:
    first, between, last = Topic(lab), Topic(lab), Topic(lab, listen=True)
    check = stream(lab, between, last, label_attribute_name="second")
    name = stream(lab, first, between)
    ids = {first.publish(text(number)) for number in range(3)}
    heard = last.heard(3)
    assert {line["$label-object-id"] for line in heard} == ids
    for line in heard:
        assert line[KEY] == "$label-object-id"
        assert line["label-metadata"]["class-name"] == line["second-metadata"]["class-name"] == "cat"
    stopped(lab, name)
    stopped(lab, check)


@pytest.mark.parametrize("missing", ["input", "output"])
def test_a_job_on_a_topic_that_is_not_there_fails(lab: Lab, missing: str) -> None:
    topic, output = Topic(lab), Topic(lab)
    gone = topic if missing == "input" else output
    gone.sns.delete_topic(TopicArn=gone.arn)
    name = lab.create(None, input_topic_arn=topic.arn, output_topic_arn=output.arn)
    description = lab.wait(name, {"Failed"})
    assert f"the {missing} topic {gone.arn} does not exist" in description["FailureReason"]


@pytest.mark.parametrize(("gone", "words"), [("topic", "does not exist"), ("queue", "no longer exists")])
def test_a_job_that_can_not_reach_its_input_any_more_fails(lab: Lab, gone: str, words: str) -> None:
    topic = Topic(lab)
    name = stream(lab, topic)
    if gone == "topic":
        topic.publish(text(1))
        counted(lab, name, TotalLabeled=1)
        topic.sns.delete_topic(TopicArn=topic.arn)
    else:
        url = topic.sqs.get_queue_url(QueueName=f"GroundTruth-{name}")["QueueUrl"]
        topic.sqs.delete_queue(QueueUrl=url)
    description = lab.wait(name, {"Failed"}, 90)
    assert words in description["FailureReason"]


@pytest.fixture
def own(tmp_path: Path) -> Iterator[Lab]:
    """A service of this test's own, whose workers take a moment."""
    workforce = tmp_path / "workforce.json"
    teams = {"private-simulated": {"workers": 9, "accuracy": 1, "seconds_per_task": 0.02}}
    workforce.write_text(json.dumps({"workteams": teams}))
    service = Service(tmp_path, "--workforce", str(workforce))
    yield Lab(service)
    service.stop()


def test_nothing_is_lost_and_nothing_labeled_twice_when_the_service_is_killed(own: Lab) -> None:
    topic, output = Topic(own), Topic(own, listen=True)
    name = stream(own, topic, output, max_concurrent_objects=20)
    chance = random.Random(2)
    published = 0
    for _ in range(3):
        for _ in range(20):
            topic.publish(text(published, **{KEY: "source"}))
            published += 1
        time.sleep(chance.uniform(0.0, 0.2))  # the instant of the kill is what the test varies
        own.service.kill()
        own.service.start()
        own.connect()
        topic.connect(own)
        output.connect(own)
    counted(own, name, TotalLabeled=published)
    heard = output.heard(published)
    assert {line["source"] for line in heard} == {f"text {number}" for number in range(published)}
    assert [line["source"] for line in stopped(own, name)] == [f"text {number}" for number in range(published)]


def test_topics_queues_and_messages_survive_a_kill(own: Lab) -> None:
    topic = Topic(own, listen=True)
    policy = json.dumps({"Version": "2012-10-17", "Statement": []})
    topic.sns.set_topic_attributes(TopicArn=topic.arn, AttributeName="Policy", AttributeValue=policy)
    dead = topic.sqs.create_queue(QueueName="dead")["QueueUrl"]
    arn = topic.sqs.get_queue_attributes(QueueUrl=dead, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    redrive = json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})
    settings = {"VisibilityTimeout": "77", "RedrivePolicy": redrive}
    url = topic.sqs.create_queue(QueueName="plain", Attributes=settings, tags={"a": "b"})["QueueUrl"]
    attributes = {
        "text": {"DataType": "String", "StringValue": "x"},
        "bytes": {"DataType": "Binary", "BinaryValue": b"\0"},
    }
    topic.sqs.send_message(QueueUrl=url, MessageBody="kept", MessageAttributes=attributes)
    gone = topic.sqs.send_message(QueueUrl=url, MessageBody="deleted")["MessageId"]
    for message in topic.sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]:
        if message["MessageId"] == gone:
            topic.sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        else:
            # What a receiver has stays with it.
            back = {"ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 0}
            topic.sqs.change_message_visibility(QueueUrl=url, **back)
    purged = topic.sqs.create_queue(QueueName="purged")["QueueUrl"]
    topic.sqs.send_message(QueueUrl=purged, MessageBody="purged")
    topic.sqs.purge_queue(QueueUrl=purged)
    topic.publish({"n": 1})
    (before,) = topic.sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"]
    own.service.kill()
    own.service.start()
    own.connect()
    topic.connect(own)
    sqs, sns = topic.sqs, topic.sns
    (kept,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10, MessageAttributeNames=["All"])["Messages"]
    assert kept["Body"] == "kept"
    assert kept["MessageAttributes"] == attributes
    of_queue = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert (of_queue["VisibilityTimeout"], json.loads(of_queue["RedrivePolicy"])["maxReceiveCount"]) == ("77", 3)
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == {"a": "b"}
    assert "Messages" not in sqs.receive_message(QueueUrl=purged)
    assert json.loads(sns.get_topic_attributes(TopicArn=topic.arn)["Attributes"]["Policy"]) == json.loads(policy)
    assert sns.list_subscriptions_by_topic(TopicArn=topic.arn)["Subscriptions"] == [before]
    topic.publish({"n": 2})
    assert topic.heard(2) == [{"n": 1}, {"n": 2}]


def test_a_job_that_is_idle_for_ten_days_is_stopped_and_objects_expire_after_fourteen(tmp_path: Path) -> None:
    """A day passes in half a second."""
    workforce = tmp_path / "workforce.json"
    workforce.write_text(json.dumps({"workteams": {"private-simulated": {"workers": 1, "accuracy": 1}}}))
    service = Service(tmp_path, "--workforce", str(workforce), "--speed", str(86_400 * 2))
    try:
        lab = Lab(service)
        idle, busy = Topic(lab), Topic(lab)
        began = time.monotonic()
        waiting = stream(lab, busy, workforce=lab.people, max_concurrent_objects=1)
        busy.publish(text(1))
        busy.publish(text(2))
        name = stream(lab, idle)
        idle.publish(text(1))
        lab.wait(name, {"Stopped"})
        assert time.monotonic() - began > 10 / 2
        assert len(lab.output(lab.describe(name))) == 1
        wait_until(lambda: backlog(lab, waiting) == 0, 30, "the second object has expired", 0.05)
        assert 14 / 2 < time.monotonic() - began < 30 / 2
        assert [line["source"] for line in stopped(lab, waiting)] == ["text 1"]
    finally:
        service.stop()


def test_stopping_conditions_do_not_end_a_streaming_job(lab: Lab) -> None:
    topic = Topic(lab)
    request = lab.request(texts(1), input_topic_arn=topic.arn, workers_per_object=1)
    request["StoppingConditions"] = {"MaxHumanLabeledObjectCount": 1}
    lab.sagemaker.create_labeling_job(**request)
    name = request["LabelingJobName"]
    counted(lab, name, TotalLabeled=1)
    topic.publish(text(1))
    counted(lab, name, TotalLabeled=2)
    stopped(lab, name)


def test_crooked_lines_of_the_start_manifest_fail_alone(lab: Lab) -> None:
    topic, half = Topic(lab), "\ud800"
    crooked: list[dict[str, Any]] = [
        {"source": half},
        {"source": "a", "more": {half: 1}},
        {"source": "a", half: 1},
    ]
    odd = [text(1, **{KEY: []}), text(2, **{KEY: {"a": 1}}), text(3, **{"source-ref": ["s3://lab/a"]}), text(4)]
    manifest = lab.manifest([*crooked, *odd])
    name = stream(lab, topic, manifest=manifest)
    counted(lab, name, TotalLabeled=4, FailedNonRetryableError=3)
    lines = stopped(lab, name)
    assert all("failure-reason" in line["label-metadata"] for line in lines[:3])
    assert [line["label"] for line in lines[3:]] == [0] * 4
    assert [{**line, **crooked[number]} for number, line in enumerate(lines[:3])] == lines[:3]


def test_labels_without_an_output_topic_are_told_of_once(lab: Lab) -> None:
    topic, output = Topic(lab), Topic(lab)
    name = stream(lab, topic, output)
    output.sns.delete_topic(TopicArn=output.arn)
    for number in range(3):
        topic.publish(text(number))
        counted(lab, name, TotalLabeled=number + 1)
    assert len(stopped(lab, name)) == 3
    with urlopen(f"{lab.service.endpoint_url}/_labeling/jobs/{name}/log") as page:
        log = page.read().decode()
    assert log.count(f"The output topic {output.arn} no longer exists") == 1


_JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(st.characters(codec=None), max_size=8),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3),
)
_KEYS = ["source", "source-ref", KEY, "Records", "Event", "Type", "Message", "MessageId", "s3", "truth"]
_RECORD = st.fixed_dictionaries(
    {
        "eventName": st.just("ObjectCreated:Put"),
        "s3": _JSON
        | st.fixed_dictionaries(
            {
                "bucket": _JSON | st.fixed_dictionaries({"name": _JSON}),
                "object": _JSON | st.fixed_dictionaries({"key": _JSON}),
            }
        ),
    }
)
_MESSAGES = (
    st.dictionaries(st.sampled_from(_KEYS), _JSON, max_size=4)
    | st.fixed_dictionaries({"Records": st.lists(_JSON | _RECORD, max_size=3)})
    # A text is sent as it is, which half a pair can't be.
    | _JSON.filter(lambda value: not isinstance(value, str) or value.encode(errors="replace").decode() == value)
)


@settings(max_examples=15, deadline=None)
@given(drawn=st.lists(_MESSAGES, max_size=8))
@example(drawn=[{"Records": [{"eventName": "ObjectCreated:", "s3": {"bucket": {"name": "b"}, "object": {"key": 5}}}]}])
def test_whatever_is_published_the_job_goes_on(hearing: tuple[Lab, Topic, str], drawn: list[Any]) -> None:
    lab, topic, name = hearing
    before = lab.describe(name)["LabelCounters"]["TotalLabeled"]
    for message in drawn:
        topic.publish(message)
    topic.publish(text(1, truth={"form": 1}))
    wait_until(
        lambda: lab.describe(name)["LabelCounters"]["TotalLabeled"] > before, 60, "the next one is labeled", 0.05
    )
    wait_until(lambda: backlog(lab, name) == 0, 60, "all messages are taken", 0.05)
    assert lab.describe(name)["LabelingJobStatus"] == "InProgress"


@pytest.fixture(scope="module")
def hearing(lab: Lab) -> Iterator[tuple[Lab, Topic, str]]:
    """A streaming job whose objects may be texts or have a URI, and its topic."""
    topic = Topic(lab)
    template = lab.put("template.liquid", "<crowd-form></crowd-form>")
    custom = {"task_type": "custom", "labels": None, "instructions": None, "ui_template_uri": template}
    name = stream(lab, topic, **custom)
    yield lab, topic, name
    stopped(lab, name)
