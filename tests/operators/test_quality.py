"""The gate, over labels that the local service has really made."""

from __future__ import annotations

import json
from typing import Any

import pytest
from airflow.sdk.exceptions import DownstreamTasksSkipped

from labeling_provider.errors import LabelingError, PoorLabelsError
from labeling_provider.operators.quality import LabelQualityOperator
from labeling_provider.request import PrivateWorkteam
from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.own_names import own_id
from tests.service.test_room_jobs import picture


@pytest.fixture(scope="module")
def labeled(lab: Lab) -> dict[str, Any]:
    """The result of a job over 40 texts by careless workers, of which two had no worker."""
    lines = [*texts(38), {"source": "nobody knows"}, {"source": "nobody cares"}]
    # Its name decides how careless the workers are with it.
    name = lab.create(lines, "careless-texts", workforce=PrivateWorkteam(lab.team("careless")))
    description = lab.wait(name)
    return {
        "output_manifest_uri": description["LabelingJobOutput"]["OutputDatasetS3Uri"],
        "label_attribute_name": description["LabelAttributeName"],
        "job_name": description["LabelingJobName"],
    }


def gate(labeled: Any, **arguments: Any) -> tuple[dict[str, Any], dict[str, Any]]:
    """The result, and everything that was pushed to XCom."""
    around = context(task_id="quality")
    result = LabelQualityOperator(task_id="quality", manifest_uri=labeled, **arguments).execute(around)
    json.dumps(result)
    return result, around["ti"].pushed


def test_workers_answers_are_measured_and_a_report_is_written(connected: Lab, labeled: dict[str, Any]) -> None:
    result, pushed = gate(labeled, classes=["cat", "dog", "bird", "fish"])
    assert result["verdict"] == "good"
    assert (result["objects"], result["labeled"], result["unlabeled"] + result["failed"]) == (40, 38, 2)
    assert result["classes"]["fish"] == 0
    assert sum(result["classes"].values()) == 38
    assert (result["answers"], sum(worker["answers"] for worker in result["workers"])) == (114, 114)
    assert 0.3 < result["agreement"] < 0.9
    assert all(0.4 < worker["accuracy"] <= 1 and worker["median_seconds"] is not None for worker in result["workers"])
    root = labeled["output_manifest_uri"].removesuffix("/manifests/output/output.manifest")
    assert result["report_uri"] == f"{root}/quality/report.html"
    assert b"Krippendorff" in connected.get(result["report_uri"])
    assert pushed["labeling_quality"] == result
    bucket, _, key = result["report_uri"].removeprefix("s3://").partition("/")
    assert connected.s3.head_object(Bucket=bucket, Key=key)["ContentType"] == "text/html"
    assert pushed["_link_QualityReportLink"].endswith(f"/_labeling/reports/{bucket}/{key}")


@pytest.mark.parametrize(
    ("threshold", "words"),
    [
        ({"min_labeled": 0.96}, "the share of the objects that have a label is 0.950, but min_labeled is 0.96"),
        ({"min_confidence": 0.99}, "the mean confidence is 0."),
        ({"min_agreement": 0.95}, r"the agreement of the workers \(Krippendorff's alpha\) is 0."),
        ({"min_worker_accuracy": 0.99}, "the accuracy of the worst worker is 0."),
        ({"min_class_share": 0.1, "classes": ["fish"]}, "the share of the rarest class is 0.000"),
        ({"min_agreement": -1, "max_answers": 0}, "alpha.* can't be measured, but min_agreement is -1"),
    ],
)
def test_poor_labels_fail_the_task(
    connected: Lab, labeled: dict[str, Any], threshold: dict[str, Any], words: str
) -> None:
    with pytest.raises(PoorLabelsError, match=words):
        gate(labeled, **threshold)
    result, pushed = gate(labeled, **threshold, on_poor_labels="warn")
    assert result["verdict"] == "poor"
    assert len(result["shortfalls"]) == 1
    assert pushed["labeling_quality"]["verdict"] == "poor"


def test_thresholds_that_are_met_let_labels_through(connected: Lab, labeled: dict[str, Any]) -> None:
    lines = [line for line in texts(38) if line["source"] != "text 0"]
    golden = connected.manifest([*lines, {"source": "text 0", "truth": "bird"}])
    result, _ = gate(
        labeled,
        golden_uri=golden,
        golden_attribute_name="truth",
        min_golden_accuracy=0.7,
        min_labeled=0.95,
        min_confidence=0.3,
        min_agreement=0.1,
        min_worker_accuracy=0.3,
        min_class_share=0.1,
    )
    assert result["verdict"] == "good"
    assert result["golden"] == 38
    assert result["golden_accuracy"] < 1


def test_what_is_not_sure_goes_to_a_second_round(connected: Lab, labeled: dict[str, Any]) -> None:
    # No label is surer than 0.99.
    result, _ = gate(labeled, relabel_below=1.0)
    assert result["verdict"] == "relabel"
    again = [json.loads(line) for line in connected.get(result["relabel_manifest_uri"]).splitlines()]
    assert len(again) == result["relabel_objects"] == 40
    assert all("label" not in line and "label-metadata" not in line for line in again)
    nothing, _ = gate(labeled, relabel_below=0.0, relabel_uri=f"s3://lab/{own_id()}")
    assert nothing["relabel_objects"] == 2


def test_a_verdict_chooses_its_branch(connected: Lab, labeled: dict[str, Any]) -> None:
    from airflow.providers.standard.operators.empty import EmptyOperator
    from airflow.sdk import DAG

    with DAG("gate", schedule=None):
        operator = LabelQualityOperator(
            task_id="quality",
            manifest_uri=labeled,
            min_labeled=0.96,
            branches={"good": "keep", "poor": ["ask", "tell"]},
        )
        operator >> [EmptyOperator(task_id=name) for name in ("keep", "ask", "tell")]
    around = context(task_id="quality")
    around["ti"].task = operator
    with pytest.raises(DownstreamTasksSkipped) as skipped:
        operator.execute(around)
    assert [task if isinstance(task, str) else task[0] for task in skipped.value.tasks] == ["keep"]
    assert around["ti"].pushed["return_value"]["verdict"] == "poor"


def test_an_adjustment_is_compared_with_the_labels_before(connected: Lab) -> None:
    uri = picture(connected, "img/gate.png")
    box, moved = ({"label": "dog", "left": left, "top": 5, "width": 20, "height": 20} for left in (10, 30))
    lines = [{"source-ref": uri, "n": number, "truth": [box]} for number in range(2)]
    _, drawn = connected.run(lines, task_type="bounding-box", label_attribute_name="boxes")
    drawn[0]["truth"] = [moved]
    audit = {"task_type": "adjustment-bounding-box", "audited_attribute": "boxes", "label_attribute_name": "better"}
    description, _ = connected.run(drawn, **audit)
    adjusted = {
        "output_manifest_uri": description["LabelingJobOutput"]["OutputDatasetS3Uri"],
        "label_attribute_name": "better",
    }
    golden = connected.manifest([{**line, "truth": None} for line in drawn])
    result, _ = gate(adjusted, audited_attribute_name="boxes", golden_uri=golden, golden_attribute_name="boxes")
    assert (result["adjusted"], result["unadjusted"]) == (1, 1)
    assert result["adjustment_iou"] < 0.1
    assert (result["golden_accuracy_before"], result["golden_accuracy"] < 0.6) == (1, True)
    assert [worker["adjusted"] for worker in result["workers"]].count(1) == 3
    assert b"Labels that changed most" in connected.get(result["report_uri"])
    plain, _ = gate(adjusted)
    assert plain["adjusted"] is plain["adjustment_iou"] is None
    with pytest.raises(LabelingError, match="'better' is the label attribute itself"):
        gate(adjusted, audited_attribute_name="better")


def test_wrong_arguments_are_refused(connected: Lab) -> None:
    for arguments, words in (
        ({"on_poor_labels": "shrug"}, "on_poor_labels must be"),
        ({"branches": {"bad": "x"}}, "branches are for"),
        ({"min_golden_accuracy": 0.5}, "needs golden_uri"),
        ({"max_answers": -1}, "at least 0"),
    ):
        with pytest.raises(ValueError, match=words):
            LabelQualityOperator(task_id="quality", manifest_uri="s3://lab/m", **arguments)
    other = connected.manifest(texts(1))
    with pytest.raises(LabelingError, match="is not the output manifest of a labeling job"):
        gate(other, label_attribute_name="label", labeling_jobs=[other])


def test_a_manifest_of_no_job_has_no_answers_and_a_report_beside_it(connected: Lab) -> None:
    about = {"type": "groundtruth/text-classification", "class-name": "cat", "confidence": 0.9}
    manifest = connected.manifest([{"source": "a", "label": 0, "label-metadata": about}])
    result, _ = gate(manifest, label_attribute_name="label")
    assert (result["answers"], result["agreement"], result["workers"]) == (0, None, [])
    assert result["report_uri"] == f"{manifest}.quality.html"
