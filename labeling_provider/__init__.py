"""Airflow provider for SageMaker Ground Truth labeling jobs, on Amazon or on the self-hosted service."""

from __future__ import annotations

from typing import Any, Final

__version__ = "0.1.0"
_OLDEST_AIRFLOW: Final = (3, 2)


def require_airflow() -> None:
    """Called by the packages that need Airflow, before they import what older versions lack.

    :raises ImportError: if Airflow is too old.
    """
    from airflow import __version__ as airflow_version

    if tuple(int(part) for part in airflow_version.split(".")[:2]) < _OLDEST_AIRFLOW:
        oldest = ".".join(map(str, _OLDEST_AIRFLOW))
        raise ImportError(
            f"airflow-provider-labeling needs Airflow {oldest} or newer, and this is {airflow_version}: "
            f"pip install 'apache-airflow>={oldest}'"
        )


def get_provider_info() -> dict[str, Any]:
    """Describe this package to Airflow (entry point ``apache_airflow_provider``).

    Airflow calls this at every start, so it imports nothing.
    """
    links = "labeling_provider.links"
    return {
        "package-name": "airflow-provider-labeling",
        "name": "Labeling",
        "description": "SageMaker Ground Truth labeling jobs as steps of a Dag, on Amazon or the self-hosted service.",
        "versions": [__version__],
        "integrations": [
            {
                "integration-name": "Amazon SageMaker Ground Truth",
                "external-doc-url": "https://docs.aws.amazon.com/sagemaker/latest/dg/sms.html",
                "how-to-guide": ["/docs/quickstart.md", "/docs/operators.md"],
                "logo": "/labeling/static/icon.svg",
                "tags": ["aws", "machine-learning"],
            }
        ],
        "hooks": [
            {
                "integration-name": "Amazon SageMaker Ground Truth",
                "python-modules": ["labeling_provider.hooks.labeling"],
            }
        ],
        "operators": [
            {
                "integration-name": "Amazon SageMaker Ground Truth",
                "python-modules": [
                    "labeling_provider.operators.approval",
                    "labeling_provider.operators.labeling_job",
                    "labeling_provider.operators.manifest",
                    "labeling_provider.operators.quality",
                    "labeling_provider.operators.streaming",
                ],
            }
        ],
        "sensors": [
            {
                "integration-name": "Amazon SageMaker Ground Truth",
                "python-modules": ["labeling_provider.sensors.labeling_job", "labeling_provider.sensors.streaming"],
            }
        ],
        "triggers": [
            {
                "integration-name": "Amazon SageMaker Ground Truth",
                "python-modules": [
                    "labeling_provider.triggers.labeling_job",
                    "labeling_provider.triggers.labels",
                    "labeling_provider.triggers.streaming",
                    "labeling_provider.triggers.streaming_job",
                ],
            }
        ],
        "task-decorators": [{"name": "label", "class-name": "labeling_provider.decorators.label.label_task"}],
        "notifications": ["labeling_provider.notifications.labeling.LabelingNotifier"],
        "cli": ["labeling_provider.cli.airflow_commands.get_labeling_commands"],
        "extra-links": [
            f"{links}.LabelingJobLink",
            f"{links}.LabelingOutputLink",
            f"{links}.LabelingLogsLink",
            f"{links}.QualityReportLink",
            f"{links}.WorkersPageLink",
        ],
    }
