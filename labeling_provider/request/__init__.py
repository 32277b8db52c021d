"""Builds and checks CreateLabelingJob requests. Plain Python: no Airflow, no network, usable in a notebook."""

from labeling_provider.request.builder import LabelingJobDraft, LabelingJobSpec
from labeling_provider.request.cost import CostEstimate, estimate_cost
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
    "fingerprint",
    "task_type_of_request",
]
