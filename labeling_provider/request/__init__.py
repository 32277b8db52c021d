"""Builds and checks CreateLabelingJob requests. Plain Python: no Airflow, no network, usable in a notebook.

Each name is imported when it is first used: a DAG file that only names a workteam does not load the rules.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from labeling_provider.request.builder import LabelingJobDraft, LabelingJobSpec
    from labeling_provider.request.cost import CostEstimate, estimate_cost, estimate_request
    from labeling_provider.request.names import derive_job_name, fingerprint
    from labeling_provider.request.rules import Surroundings, check_request, task_type_of_request
    from labeling_provider.request.task_types import TASK_TYPES, TaskType
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

_ROOMS = {
    "builder": ("LabelingJobDraft", "LabelingJobSpec"),
    "cost": ("CostEstimate", "estimate_cost", "estimate_request"),
    "names": ("derive_job_name", "fingerprint"),
    "rules": ("Surroundings", "check_request", "task_type_of_request"),
    "task_types": ("TASK_TYPES", "TaskType"),
    "workforces": ("AutomatedLabeling", "MechanicalTurk", "PrivateWorkteam", "VendorWorkteam", "Workforce"),
}


def __getattr__(name: str) -> Any:
    for room, names in _ROOMS.items():
        if name in names:
            module = import_module(f"{__name__}.{room}")
            globals().update({one: getattr(module, one) for one in names})
            return globals()[name]
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
