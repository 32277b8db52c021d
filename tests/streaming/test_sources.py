"""Where new objects come from: each is found in its order, with an id that is always the same."""

from __future__ import annotations

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from dev.stack import wait_until
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.streaming.messages import message_of
from labeling_provider.streaming.sources import (
    Manifest,
    Notifications,
    ObjectSettings,
    S3Prefix,
    Source,
    SourceObject,
    created_objects,
)
from tests.conftest import Lab
from tests.own_names import own_id
from tests.service.engine.test_stream import KEY, text


def test_pages_of_a_document_have_ids_of_their_own(lab: Lab, client: GroundTruth) -> None:
    document = "s3://lab/1.pdf"
    lines = [
        {"source-ref": document},
        {"source-ref": document, "page": 1, "shift": "late"},
        {"page": 2.0, "source-ref": document, "shift": "late"},
        {"source-ref": document, "page": 1.0, "shift": "early"},
        {"source-ref": document, "bird": 0, "bird-metadata": {"class-name": "heron"}},
        {"source": "a text", "page": 1},
        {"source-ref": "s3://lab/half \ud800.pdf"},
    ]
    uri = lab.manifest(lines)
    taken = Manifest(client, uri, None).take(10)
    ids = [item.object_id for item in taken]
    # What is only a source keeps the id that it has in jobs that run.
    assert ids[0] == ids[4] == document
    assert ids[5:] == [f"{uri}#6", f"{uri}#7"]
    assert len(set(ids[1:4])) == 3
    assert len({message_of(item.line, item.object_id).text for item in taken[:4]}) == 4
    assert [bool(item.problem) for item in taken] == [False] * 6 + [True]
    by_page = [item.object_id for item in Manifest(client, uri, None, ["source-ref", "page"]).take(10)]
    assert by_page[1] == by_page[3] != by_page[2]
    assert by_page[0] == document
    again = Manifest(client, lab.manifest(list(reversed(lines[:4]))), None).take(10)
    assert [item.object_id for item in again] == ids[3::-1]


@pytest.fixture
def folder(lab: Lab) -> str:
    """A prefix of its own."""
    return f"s3://{lab.bucket}/sources-{own_id().hex[:8]}/"


def put(lab: Lab, folder: str, *keys: str, body: bytes | str = b"picture") -> list[str]:
    return [lab.put(folder.removeprefix(f"s3://{lab.bucket}/") + key, body) for key in keys]


def refs(source: Source, max_objects: int = 100) -> list[str]:
    """References of the objects that a source hands out next; they are published then."""
    taken = source.take(max_objects)
    source.settle()
    assert not [item for item in taken if item.problem]
    return [item.line["source-ref"] for item in taken]


def texts_of(source: Source, max_objects: int = 100) -> list[str]:
    return [item.line["source"] for item in source.take(max_objects) if not item.problem]


def test_what_is_under_a_prefix_is_found_in_order_and_later_only_what_is_new(
    lab: Lab, client: GroundTruth, folder: str
) -> None:
    names = [
        *(f"{number:03}.png" for number in range(23)),
        "new line %2B?x=1;#.png",
        "ä + b &\"'<>.png",
        "日本語🐈.png",
    ]
    uris = put(lab, folder, *names)
    put(lab, folder, "notes.txt", "folder/")
    source = S3Prefix(client, folder, ObjectSettings([".png"]), None, 3600)
    assert refs(source, 20) == uris[:20]
    assert not source.exhausted
    assert refs(source) == uris[20:]
    assert source.exhausted
    later = put(lab, folder, "later.png")
    assert refs(source) == later
    # Another process remembers no object, but goes on from the position.
    position = json.loads(json.dumps(source.position))
    assert sorted(refs(S3Prefix(client, folder, ObjectSettings([".png"]), position, 3600))) == sorted([*uris, *later])
    # Of what is older than the overlap nothing is found again.
    source = S3Prefix(client, folder, ObjectSettings([".png"]), None, -3600)
    refs(source)
    assert refs(S3Prefix(client, folder, ObjectSettings([".png"]), source.position, 3600)) == []


def test_a_sweep_goes_on_from_where_it_was(lab: Lab, client: GroundTruth, folder: str) -> None:
    uris = put(lab, folder, *(f"{number}.png" for number in range(5)))
    first = S3Prefix(client, folder, ObjectSettings(), None, 3600)
    assert refs(first, 2) == uris[:2]
    assert refs(S3Prefix(client, folder, ObjectSettings(), first.position, 3600)) == uris[2:]


def test_an_object_that_was_written_again_is_another_one_if_that_is_asked_for(
    lab: Lab, client: GroundTruth, folder: str
) -> None:
    put(lab, folder, "a.png", "b.png")
    known, changed = ObjectSettings(), ObjectSettings(relabel_changed=True)
    sources = {asked: S3Prefix(client, folder, asked, None, 3600) for asked in (known, changed)}
    before = {asked: [item.object_id for item in source.take(9)] for asked, source in sources.items()}
    (uri,) = put(lab, folder, "a.png", body=b"another picture")
    after = {asked: [item.object_id for item in source.take(9)] for asked, source in sources.items()}
    assert after[known] == before[known][:1] == [uri], "the job labels an id once"
    assert len(after[changed]) == 1
    assert not set(after[changed]) & set(before[changed])


def test_each_line_of_a_text_file_is_an_object_and_the_next_one_goes_on_inside_it(
    lab: Lab, client: GroundTruth, folder: str
) -> None:
    put(lab, folder, "a.txt", body="one\ntwo\n\n  three \n")
    put(lab, folder, "b.txt", body=b"four\n\xff\xfe\n" + b"x" * 100_001 + b"\nfive")
    put(lab, folder, "c.txt", body="")
    source = S3Prefix(client, folder, ObjectSettings(text=True), None, 3600)
    assert texts_of(source, 2) == ["one", "two"]
    rest = S3Prefix(client, folder, ObjectSettings(text=True), source.position, 3600).take(50)
    assert [item.line.get("source") for item in rest] == ["three", "four", None, None, "five"]
    assert [(item.object_id, item.problem) for item in rest if item.problem] == [
        (f"{folder}b.txt#2", "byte 1 of the line is not UTF-8"),
        (f"{folder}b.txt#3", "the line is longer than 100,000 characters"),
    ]


def test_the_lines_of_a_manifest_are_found_once(lab: Lab, client: GroundTruth) -> None:
    given = [text(1), text(1), text(2, key="a", **{KEY: "key"})]
    body = "".join(json.dumps(line) + "\n" for line in given) + "{broken\n" + json.dumps(text(9, big="x" * 90_000))
    long = json.dumps({"source": "é" * 98_000, "b": "ü" * 900}, ensure_ascii=False)
    uri = lab.put("in/pushed.manifest", f"{body}\n{long}\n")
    source = Manifest(client, uri, None)
    first = source.take(2)
    rest = Manifest(client, uri, json.loads(json.dumps(source.position))).take(100)
    assert [item.line["source"][:6] for item in (*first, *rest) if not item.problem] == [
        *("text 1", "text 1", "text 2", "text 9", "éééééé")
    ]
    assert [(item.object_id, "not JSON" in item.problem) for item in rest if item.problem] == [(f"{uri}#4", True)]


def notifications(lab: Lab, way: str) -> tuple[str, str]:
    """A bucket that tells a queue of its new objects in some way; both names."""
    name = f"told-{own_id().hex[:8]}"
    lab.s3.create_bucket(Bucket=name)
    sqs, sns, events = (lab.service.client(service) for service in ("sqs", "sns", "events"))
    url = sqs.create_queue(QueueName=name)["QueueUrl"]
    arn = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["QueueArn"])["Attributes"]["QueueArn"]
    kinds = ["s3:ObjectCreated:*", "s3:ObjectRemoved:*"]
    if way == "topic":
        topic = sns.create_topic(Name=name)["TopicArn"]
        sns.subscribe(TopicArn=topic, Protocol="sqs", Endpoint=arn)
        configuration: dict[str, Any] = {"TopicConfigurations": [{"TopicArn": topic, "Events": kinds}]}
    elif way == "queue":
        configuration = {"QueueConfigurations": [{"QueueArn": arn, "Events": kinds}]}
    else:
        pattern = {"source": ["aws.s3"], "detail": {"bucket": {"name": [name]}}}
        events.put_rule(Name=name, EventPattern=json.dumps(pattern))
        events.put_targets(Rule=name, Targets=[{"Id": "queue", "Arn": arn}])
        configuration = {"EventBridgeConfiguration": {}}
    lab.s3.put_bucket_notification_configuration(Bucket=name, NotificationConfiguration=configuration)
    return name, url


def in_queue(lab: Lab, url: str) -> int:
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    left = lab.service.client("sqs").get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(map(int, left.values()))


@pytest.mark.parametrize("way", ["queue", "topic", "eventbridge"])
def test_what_a_queue_is_told_of_is_found(lab: Lab, client: GroundTruth, way: str) -> None:
    bucket, url = notifications(lab, way)
    for key in ("new/ä b+c.png", "new/gone.png", "new/ä b+c.png", "new/notes.txt", "new/2.png"):
        lab.s3.put_object(Bucket=bucket, Key=key, Body=b"picture")
    lab.s3.delete_object(Bucket=bucket, Key="new/gone.png")
    lab.service.client("sqs").send_message(QueueUrl=url, MessageBody="not for us")
    source = Notifications(client, url, ObjectSettings([".png"]))
    wait_until(lambda: in_queue(lab, url) >= 7, 30, "all is told", 0.05)
    uris = [item.line["source-ref"] for item in source.take(100)]
    assert sorted(uris) == [f"s3://{bucket}/new/2.png", *[f"s3://{bucket}/new/ä b+c.png"] * 2]
    assert source.exhausted
    assert source.position is None
    assert in_queue(lab, url) >= 7, "what is not published yet stays in the queue"
    source.settle()
    assert in_queue(lab, url) == 1, "what is no notification is left alone"


@pytest.mark.parametrize(
    ("body", "created"),
    [
        ({"Event": "s3:TestEvent"}, []),
        ({"source": "aws.s3", "detail-type": "Object Deleted", "detail": {}}, []),
        ({"Records": []}, []),
        ({"Records": [{"eventName": "ObjectRemoved:Delete", "s3": {}}]}, []),
        ({"Records": [{"eventName": "ObjectCreated:Put", "s3": {}}]}, None),
        ({"source": "aws.s3"}, None),
        ({"hello": "world"}, None),
        ([], None),
        (
            {
                "source": "aws.s3",
                "detail-type": "Object Created",
                "detail": {"bucket": {"name": "b"}, "object": {"key": "k"}},
            },
            [("b", "k", "")],
        ),
        (
            {
                "Records": [
                    {
                        "eventName": "ObjectCreated:Put",
                        "s3": {"bucket": {"name": "b"}, "object": {"key": "a+b%2B", "eTag": "7"}},
                    }
                ]
            },
            [("b", "a b+", "7")],
        ),
        (
            {
                "Records": [
                    {"eventName": "ObjectCreated:Put", "s3": {"bucket": {"name": "b"}, "object": {"key": "%ff"}}}
                ]
            },
            None,
        ),
    ],
)
def test_a_notification_tells_of_what_was_created(body: Any, created: Any) -> None:
    assert created_objects(json.dumps(body)) == created
    assert created_objects(json.dumps({"Type": "Notification", "Message": json.dumps(body)})) == created


@given(st.text(max_size=30), st.text(max_size=30), st.lists(st.text(min_size=1, max_size=5), max_size=3))
def test_a_folder_s_placeholder_is_never_wanted(key: str, uri: str, suffixes: list[str]) -> None:
    settings = ObjectSettings(suffixes)
    assert not settings.wants(f"{key}/")
    assert settings.wants(key) is (not key.endswith("/") and (not suffixes or key.endswith(tuple(suffixes))))
    assert settings.object_id(uri, "etag") == uri
    assert ObjectSettings(relabel_changed=True).object_id(uri, '"etag"') == f"{uri}#etag"


def test_an_object_that_is_gone_before_its_lines_are_read_is_none(client: GroundTruth, folder: str) -> None:
    assert list(ObjectSettings(text=True).objects(client, f"{folder}gone.txt", "id")) == []
    assert list(ObjectSettings().objects(client, f"{folder}gone.png", "id")) == [
        (0, SourceObject({"source-ref": f"{folder}gone.png"}, "id"))
    ]
