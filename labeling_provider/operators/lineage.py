"""Reports a task's inputs, outputs and labeling job to OpenLineage, if its provider is installed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from labeling_provider import __version__

_PRODUCER = f"airflow-provider-labeling/{__version__}"
_COUNTERS = ("total_labeled", "human_labeled", "machine_labeled", "failed", "unlabeled")


class Lineage:
    """Mix-in for operators: ``execute`` sets the inputs and outputs, and Airflow reads them when the task has ended."""

    lineage_inputs: Sequence[str] = ()
    lineage_outputs: Sequence[str] = ()
    lineage_job: Mapping[str, Any] | None = None

    def get_openlineage_facets_on_complete(self, task_instance: Any) -> Any:
        """The datasets, and a facet ``labeling`` with the job's name, status, counters and estimated cost in USD."""
        from airflow.providers.openlineage.extractors import OperatorLineage
        from openlineage.client.event_v2 import Dataset

        def dataset(uri: str) -> Any:
            bucket, _, key = uri.removeprefix("s3://").partition("/")
            return Dataset(namespace=f"s3://{bucket}", name=key or "/")

        return OperatorLineage(
            inputs=[dataset(uri) for uri in self.lineage_inputs if uri.startswith("s3://")],
            outputs=[dataset(uri) for uri in self.lineage_outputs if uri.startswith("s3://")],
            run_facets={"labeling": _facet(self.lineage_job)} if self.lineage_job else {},
        )


def _facet(result: Mapping[str, Any]) -> Any:
    """The result of a labeling job as a facet."""
    import attrs
    from openlineage.client.generated.base import RunFacet

    @attrs.define(kw_only=True)
    class LabelingRunFacet(RunFacet):
        jobName: str
        status: str
        counters: dict[str, int]
        labelAttributeName: str
        estimatedCostUsd: float

    counters = result.get("counters", {})
    return LabelingRunFacet(
        jobName=str(result["job_name"]),
        status=str(result["status"]),
        counters={name: int(counters.get(name, 0)) for name in _COUNTERS},
        labelAttributeName=str(result["label_attribute_name"]),
        estimatedCostUsd=float(result["estimated_cost_usd"]),
        producer=_PRODUCER,
    )
