"""What OpenLineage is told, by its own extraction."""

from __future__ import annotations

from types import SimpleNamespace
from typing import Any

from labeling_provider.operators.manifest import MergeManifestsOperator, SplitManifestOperator
from tests.airflow_context import context
from tests.conftest import Lab, texts
from tests.operators.tasks import operator, run_id


def lineage_of(task: Any) -> Any:
    from airflow.providers.openlineage.extractors.manager import ExtractorManager
    from airflow.utils.state import TaskInstanceState

    return ExtractorManager().extract_metadata(
        dagrun=SimpleNamespace(run_id="run"),
        task=task,
        task_instance_state=TaskInstanceState.SUCCESS,
        task_instance=object(),
    )


def names(datasets: list[Any]) -> list[str]:
    return [f"{dataset.namespace}/{dataset.name}" for dataset in datasets]


def test_a_labeling_job_reads_its_manifest_and_writes_labels(connected: Lab) -> None:
    manifest = connected.manifest(texts(4))
    task = operator(connected, manifest)
    result = task.execute(context(**run_id()))
    lineage = lineage_of(task)
    assert names(lineage.inputs) == [manifest]
    assert names(lineage.outputs) == [result["output_manifest_uri"]]
    facet = lineage.run_facets["labeling"]
    assert (facet.jobName, facet.status) == (result["job_name"], "Completed")
    assert (facet.counters["total_labeled"], facet.estimatedCostUsd) == (4, 0.32)


def test_manifests_come_from_manifests(connected: Lab) -> None:
    first, two = connected.manifest(texts(4)), connected.manifest(texts(6))
    merge = MergeManifestsOperator(task_id="merge", manifest_uris=[first, two], merged_uri="s3://lab/lineage/merged")
    split = SplitManifestOperator(
        task_id="split", manifest_uri=merge.execute(context()), output_uri="s3://lab/lineage", fractions={"a": 1}
    )
    split.execute(context())
    assert (names(lineage_of(merge).inputs), names(lineage_of(merge).outputs)) == (
        [first, two],
        ["s3://lab/lineage/merged"],
    )
    assert (names(lineage_of(split).inputs), names(lineage_of(split).outputs)) == (
        ["s3://lab/lineage/merged"],
        ["s3://lab/lineage/a.manifest"],
    )
