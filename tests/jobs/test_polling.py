"""Many jobs are looked at with few requests."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError, EndpointConnectionError

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.job import JobState, JobStatus
from labeling_provider.jobs import polling
from labeling_provider.jobs.polling import Lookout, Watched
from tests.client.clients import ground_truth
from tests.conftest import Lab, texts
from tests.flaky import Proxy, proxy


@pytest.fixture(scope="module")
def waiting(lab: Lab) -> dict[str, float]:
    """Jobs that wait for people, and when they were created."""
    manifest = lab.manifest(texts(2))
    names = [lab.create(manifest, workforce=lab.people) for _ in range(5)]
    return {name: lab.wait(name, {"InProgress"})["CreationTime"].timestamp() for name in names}


@pytest.fixture
def between(lab: Lab) -> Iterator[Proxy]:
    with proxy(lab) as made:
        yield made


@pytest.fixture
def lookout(lab: Lab, between: Proxy) -> Lookout:
    return Lookout(ground_truth(lab, between.url).sagemaker)


def seen(lookout: Lookout, watched: dict[str, Watched]) -> dict[str, JobState | LabelingError]:
    """What a look comes to; each job is told once."""
    times_told: Counter[str] = Counter()
    states: dict[str, JobState | LabelingError] = {}
    for page in lookout.poll(watched):
        times_told.update(page.keys())
        states |= page
    assert set(times_told.values()) <= {1}
    assert set(states) == set(watched)
    return states


def test_few_jobs_are_asked_for_one_by_one(lookout: Lookout, between: Proxy, waiting: dict[str, float]) -> None:
    watched = {name: Watched(created) for name, created in list(waiting.items())[:2]}
    assert {state.status for state in seen(lookout, watched).values() if isinstance(state, JobState)} == {"InProgress"}
    assert between.operations == {"DescribeLabelingJob": 2}


def test_many_jobs_are_listed(lookout: Lookout, between: Proxy, waiting: dict[str, float]) -> None:
    states = seen(lookout, {name: Watched(created) for name, created in waiting.items()})
    assert all(isinstance(state, JobState) and state.unlabeled == 2 for state in states.values())
    assert between.operations == {"ListLabelingJobs": 1}


def test_a_listing_is_read_page_by_page(
    lookout: Lookout, between: Proxy, waiting: dict[str, float], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(polling, "PAGE", 2)
    seen(lookout, {name: Watched(created) for name, created in waiting.items()})
    assert 3 <= between.operations["ListLabelingJobs"] <= 5
    assert between.operations["DescribeLabelingJob"] <= 2


def test_jobs_that_have_ended_meanwhile_are_found_in_another_listing(
    lookout: Lookout, between: Proxy, lab: Lab, waiting: dict[str, float]
) -> None:
    manifest = lab.manifest(texts(1))
    ended = {name: lab.wait(name)["CreationTime"].timestamp() for name in [lab.create(manifest) for _ in range(3)]}
    states = seen(lookout, {name: Watched(created) for name, created in {**waiting, **ended}.items()})
    assert {name for name, state in states.items() if isinstance(state, JobState) and state.has_ended} == set(ended)
    assert between.operations["DescribeLabelingJob"] == 0


def test_a_job_that_is_not_there_is_an_error_in_its_place(lookout: Lookout, waiting: dict[str, float]) -> None:
    watched = {**{name: Watched(created) for name, created in waiting.items()}, "nobody": Watched()}
    gone = seen(lookout, watched)["nobody"]
    assert isinstance(gone, LabelingError)
    assert "Waiting for nobody: the labeling job no longer exists" in str(gone)


def test_who_may_not_list_is_told_once_and_asks_one_by_one(
    lookout: Lookout, between: Proxy, waiting: dict[str, float], caplog: pytest.LogCaptureFixture
) -> None:
    between.refused = {"ListLabelingJobs"}
    watched = {name: Watched(created) for name, created in waiting.items()}
    for _ in range(2):
        assert all(isinstance(state, JobState) for state in seen(lookout, watched).values())
    assert between.operations == {"ListLabelingJobs": 1, "DescribeLabelingJob": 10}
    assert caplog.text.count("Labeling jobs can't be listed") == 1


def test_a_status_that_is_not_known_is_the_trouble_of_its_own_job(
    lookout: Lookout, between: Proxy, waiting: dict[str, float]
) -> None:
    between.changed_status = "Hibernating"
    states = seen(lookout, {name: Watched(created) for name, created in waiting.items()})
    assert all("'Hibernating'" in str(state) for state in states.values())


def test_no_answer_is_raised_and_a_refusal_is_told(client: GroundTruth, monkeypatch: pytest.MonkeyPatch) -> None:
    def answer(error: Exception) -> Any:
        def describe(**_: Any) -> None:
            raise error

        monkeypatch.setattr(client.sagemaker, "describe_labeling_job", describe)
        return Lookout(client.sagemaker).describe("birds")

    with pytest.raises(EndpointConnectionError):
        answer(EndpointConnectionError(endpoint_url="http://nowhere"))
    refused = answer(ClientError({"Error": {"Code": "AccessDeniedException", "Message": "no"}}, "DescribeLabelingJob"))
    assert "Waiting for birds: " in str(refused)


def test_what_was_seen_is_what_the_next_look_goes_by() -> None:
    watched = Watched()
    assert (watched.created, watched.status) == (None, "InProgress")
    watched.saw(JobState("birds", "arn", JobStatus.STOPPING, 0, 0, 0, 0, 0, "", 7.5, None))
    assert (watched.created, watched.status) == (7.5, "Stopping")
