"""Estimates what a labeling job would cost on Amazon, and shows the arithmetic.

Source of the figures: Amazon's pricing page and notebooks (USD 0.08 per object). A vendor's price, SageMaker's training
time for automated labeling and volume discounts are unknown here; the estimate lists what it leaves out.
"""

from __future__ import annotations

from dataclasses import dataclass
from decimal import Decimal
from typing import Any

from labeling_provider.errors import counted
from labeling_provider.groundtruth import facts
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.facts import WorkforceKind


@dataclass(frozen=True)
class CostEstimate:
    """An upper estimate in USD.

    :param total_usd: the total.
    :param people_usd: the workers' share, for the objects that people label.
    :param arithmetic: the calculation, in one line.
    :param left_out: costs not included, in words; empty if none.
    """

    total_usd: Decimal
    people_usd: Decimal
    arithmetic: str
    left_out: str

    def __str__(self) -> str:
        return self.arithmetic + (f"; not included: {self.left_out}" if self.left_out else "")


def estimate_cost(
    objects: int,
    workers_per_object: int = 1,
    task_price_usd: Decimal | float | str = 0,
    *,
    vendor: bool = False,
    automated: bool = False,
    max_human_labels: int | None = None,
) -> CostEstimate:
    """Estimate a labeling job's cost.

    :param objects: number of data objects to label.
    :param workers_per_object: number of workers per object.
    :param task_price_usd: USD per worker and object; 0 for your own people.
    :param vendor: whether a vendor does the work; its price is in its contract and not included.
    :param automated: whether a model labels some objects; the workers' share is then an upper bound.
    :param max_human_labels: StoppingConditions.MaxHumanLabeledObjectCount, if set.
    """
    price = Decimal(str(task_price_usd))
    by_people = objects if max_human_labels is None else min(objects, max_human_labels)
    labeled = objects if automated else by_people
    service = labeled * facts.PRICE_PER_OBJECT_USD
    people = by_people * workers_per_object * price
    arithmetic = f"{counted(labeled, 'object')} × ${facts.PRICE_PER_OBJECT_USD} = ${service:,.2f}"
    if price:
        at_most = "at most " if automated else ""
        arithmetic += f" + {at_most}{counted(by_people, 'object')} × {counted(workers_per_object, 'worker')}"
        arithmetic += f" × ${price} = ${people:,.2f}"
        arithmetic += f"; total ${service + people:,.2f}"
    left_out = [
        *(["the vendor's price"] if vendor else []),
        *(["training and inference time of automated labeling"] if automated else []),
    ]
    return CostEstimate(service + people, people, arithmetic, ", ".join(left_out))


def estimate_request(request: dict[str, Any], objects: int) -> CostEstimate:
    """Estimate the cost of a CreateLabelingJob request.

    :param request: arguments of ``create_labeling_job``, already checked.
    :param objects: number of data objects to label.
    """
    job = JobRequest(request)
    return estimate_cost(
        objects,
        job.workers_per_object,
        job.price_usd or 0,
        vendor=job.workforce_kind == WorkforceKind.VENDOR,
        automated=job.is_automated,
        max_human_labels=job.max_human_labeled,
    )
