"""The DAGs that follow vehicles through a video, and cars through point clouds."""

from __future__ import annotations

import pytest

from tests.e2e.conftest import Stack

pytestmark = pytest.mark.e2e


@pytest.mark.once
def test_vehicles_in_a_video_are_tracked_and_the_tracks_adjusted(stack: Stack) -> None:
    run = stack.finished("track_vehicles", "manual__tracked")
    assert stack.airflow.xcom("track_vehicles", run, "build")["objects"] == 1
    agreement = stack.airflow.xcom("track_vehicles", run, "report")
    assert agreement["adjusted-ref"]["frames"] == 30
    assert agreement["adjusted-ref"]["overlap"] > 0.9
    assert agreement["adjusted-ref"]["id_switches"] == 0
    assert agreement["adjusted-ref"]["overlap"] >= agreement["tracks-ref"]["overlap"]
    exported = stack.airflow.xcom("track_vehicles", run, "export")
    assert (exported["objects"], exported["classes"]) == ({"train": 1}, ["car", "bus"])


@pytest.mark.once
def test_cars_in_point_clouds_are_followed_measured_and_exported(stack: Stack) -> None:
    run = stack.finished("label_clouds", "manual__scanned")
    measured = stack.airflow.xcom("label_clouds", run, "measure")
    assert (measured["labeled"], measured["golden"], measured["id_switches"]) == (1, 1, 0)
    assert measured["golden_accuracy"] > 0.6
    exported = stack.airflow.xcom("label_clouds", run, "export")
    assert (exported["objects"], exported["classes"]) == ({"train": 1}, ["car", "truck"])
