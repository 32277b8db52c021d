"""Builds and checks CreateLabelingJob requests. Plain Python: no Airflow, no network, usable in a notebook.

Each name is imported on first use, so a Dag file that only names a workteam does not load the rules.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labeling_provider.groundtruth.task_types import TASK_TYPES, TaskType
    from labeling_provider.request.builder import LabelingJobDraft, LabelingJobSpec
    from labeling_provider.request.cost import CostEstimate, estimate_cost, estimate_request
    from labeling_provider.request.names import derive_job_name, fingerprint
    from labeling_provider.request.rules import Surroundings, check_request, task_type_of_request
    from labeling_provider.request.workforces import (
        AutomatedLabeling,
        MechanicalTurk,
        PrivateWorkteam,
        VendorWorkteam,
        Workforce,
    )

__all__ = [
    "TASK_TYPES",
    "AutomatedLabeling",
    "CostEstimate",
    "LabelingJobDraft",
    "LabelingJobSpec",
    "MechanicalTurk",
    "PrivateWorkteam",
    "Surroundings",
    "TaskType",
    "VendorWorkteam",
    "Workforce",
    "check_request",
    "derive_job_name",
    "estimate_cost",
    "estimate_request",
    "fingerprint",
    "task_type_of_request",
]

_HOMES = {
    "request.builder": ("LabelingJobDraft", "LabelingJobSpec"),
    "request.cost": ("CostEstimate", "estimate_cost", "estimate_request"),
    "request.names": ("derive_job_name", "fingerprint"),
    "request.rules": ("Surroundings", "check_request", "task_type_of_request"),
    "groundtruth.task_types": ("TASK_TYPES", "TaskType"),
    "request.workforces": ("AutomatedLabeling", "MechanicalTurk", "PrivateWorkteam", "VendorWorkteam", "Workforce"),
}


def __getattr__(name: str) -> Any:
    for home, names in _HOMES.items():
        if name in names:
            module = import_module(f"labeling_provider.{home}")
            globals().update({exported: getattr(module, exported) for exported in names})
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
