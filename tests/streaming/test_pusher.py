"""New objects go to a running streaming job, each once, and no faster than it takes them."""

from __future__ import annotations

import pytest

from dev.stack import wait_until
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import LabelingError
from labeling_provider.streaming.publisher import Refused
from labeling_provider.streaming.pusher import Backlog, Step, listeners
from labeling_provider.streaming.sources import Manifest, ObjectSettings, S3Prefix
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts
from tests.flaky import proxy
from tests.own_names import own_id
from tests.service.engine.test_stream import backlog, stopped
from tests.streaming.yards import Yard


def prefix(client: GroundTruth, yard: Yard) -> S3Prefix:
    return S3Prefix(client, yard.prefix, ObjectSettings(), None, 3600)


def test_no_more_is_pushed_than_may_wait(lab: Lab, client: GroundTruth) -> None:
    yard = Yard(lab, max_concurrent_objects=2)
    yard.put(*(f"{number}.png" for number in range(9)))
    steps: list[Step] = []
    with yard.pusher(client, prefix(client, yard), max_backlog=4) as pusher:

        def six_are_pushed() -> bool:
            steps.append(pusher.step())
            return sum(step.published for step in steps) >= 6

        wait_until(six_are_pushed, 30, "six objects are pushed", 0.05)
        # Two are with the workers, four wait: there is no room, however often it is tried.
        steps.append(pusher.step())
    assert [step.published for step in steps if step.published] == [4, 2]
    assert steps[-1] == Step(blocked="the job's queue has 4 objects already")
    assert backlog(lab, yard.job) == 4
    stopped(lab, yard.job)


def test_what_can_not_be_pushed_is_told_and_the_rest_is_published(lab: Lab, client: GroundTruth, yard: Yard) -> None:
    uri = lab.put(f"{yard.folder}m.manifest", '{"source-ref": "s3://lab/1.png"}\n{broken\n')
    with yard.pusher(client, Manifest(client, uri, None)) as pusher:
        step = pusher.step()
    assert (step.published, [refusal.about for refusal in step.refused]) == (1, [f"{uri}#2"])
    assert isinstance(step.refused[0], Refused)
    assert [line["source-ref"] for line in yard.arrived(1)] == ["s3://lab/1.png"]


def test_a_portion_is_no_larger_than_asked_for(client: GroundTruth, yard: Yard) -> None:
    yard.put("1.png", "2.png", "3.png")
    with yard.pusher(client, prefix(client, yard)) as pusher:
        assert [pusher.step(2).published for _ in range(3)] == [2, 1, 0]
    assert len(yard.arrived(3)) == 3


def test_the_end_of_the_job_ends_the_push(lab: Lab, client: GroundTruth, yard: Yard) -> None:
    yard.put("1.png")
    stopped(lab, yard.job)
    with yard.pusher(client, prefix(client, yard)) as pusher:
        assert pusher.step() == Step(ended=f"Labeling job {yard.job} is Stopped")


def test_without_a_job_that_listens_nothing_is_pushed(lab: Lab, client: GroundTruth, yard: Yard) -> None:
    yard.put("1.png")
    stopped(lab, yard.job)
    with yard.pusher(client, prefix(client, yard), job_name=None) as pusher:
        blocked = pusher.step().blocked
    assert blocked == f"no running labeling job listens to {yard.topic.arn}"
    with (
        yard.pusher(client, prefix(client, yard), job_name="nobody") as pusher,
        pytest.raises(LabelingError, match="There is no labeling job named nobody in us-east-1"),
    ):
        pusher.step()


def test_who_listens_to_a_topic_is_found_youngest_first(lab: Lab, client: GroundTruth, yard: Yard) -> None:
    lab.create(texts(1))
    assert listeners(client, yard.topic.arn) == [yard.job]
    younger = yard.stream()
    assert listeners(client, yard.topic.arn) == [younger, yard.job]
    for name in (younger, yard.job):
        stopped(lab, name)
    assert listeners(client, yard.topic.arn) == []


def test_a_queue_that_is_not_there_has_no_depth(client: GroundTruth) -> None:
    gone = Backlog(client, f"nobody-{own_id().hex[:8]}")
    assert gone.depth_if_any() is None
    with pytest.raises(LabelingError, match="Reading the queue GroundTruth-nobody"):
        gone.depth()


def test_whatever_goes_wrong_on_the_way_each_object_arrives_once(lab: Lab, yard: Yard) -> None:
    uris = yard.put(*(f"{number:03}.png" for number in range(120)))
    published = 0
    with proxy(lab, seed=4) as between:
        client = ground_truth(lab, between.url)
        between.share = 0.3
        with yard.pusher(client, prefix(client, yard)) as pusher:
            while not pusher.source.exhausted:
                published += pusher.step(10).published
        between.share = 0
        assert sum(between.spoilt.values()) > 5
    assert published == 120
    assert sorted(line["source-ref"] for line in yard.arrived(120)) == uris
