"""Asks people to approve the cost of labeling before any money is spent."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any, ClassVar

from airflow.providers.standard.operators.hitl import ApprovalOperator

from labeling_provider.operators import arguments
from labeling_provider.operators.base import LabelingTask

if TYPE_CHECKING:
    from airflow.sdk import Context


class ApproveCostOperator(LabelingTask, ApprovalOperator):
    """Ask people in the Airflow UI to approve the cost of a labeling job, and wait for their answer.

    A job that costs no more than ``ask_above_usd`` is approved automatically. If people reject the cost, the downstream
    tasks are skipped, or the task fails with ``fail_on_reject=True``. Takes the arguments of ``ApprovalOperator`` as
    well, such as ``assigned_users``, ``response_timeout`` and ``notifiers``.

    Returns ``{"approved": True, "estimated_cost_usd": …}`` if nobody had to be asked, otherwise the people's answer.

    Takes the connection arguments of :class:`labeling_provider.operators.base.LabelingTask` as well; the connection
    decides on the region.

    :param objects: number of objects to label (templated).
    :param job: arguments of ``CreateLabelingJobOperator`` (templated).
    :param ask_above_usd: highest cost to approve automatically, in USD (templated).
    :raises InvalidArgumentsError: if arguments are of the wrong type.
    :raises InvalidRequestError: if ``job`` does not describe a labeling job.
    """

    argument_kinds: ClassVar[Mapping[str, arguments.ArgumentKind]] = {
        "objects": arguments.required(arguments.whole),
        "job": arguments.job,
        "ask_above_usd": arguments.required(arguments.number),
        **arguments.CONNECTION,
    }
    template_fields: Sequence[str] = (*ApprovalOperator.template_fields, *argument_kinds)
    operator_extra_links = ()

    objects: Any
    job: Mapping[str, Any]
    ask_above_usd: float | str

    def __init__(
        self,
        *,
        objects: Any,
        job: Mapping[str, Any],
        ask_above_usd: float | str = 0,
        subject: str = "Label for this price?",
        **kwargs: Any,
    ) -> None:
        given = locals()
        super().__init__(subject=subject, **kwargs)
        self.keep(given)

    def execute(self, context: Context) -> Any:
        """Estimate the cost, and ask if it is above the limit."""
        from labeling_provider.request import LabelingJobSpec, estimate_request

        self.read_arguments()
        names = {field.name for field in dataclasses.fields(LabelingJobSpec)}
        spec = LabelingJobSpec(**{name: value for name, value in self.job.items() if name in names})
        objects, limit = int(self.objects), float(self.ask_above_usd)
        cost = estimate_request(spec.draft("estimate", self.ground_truth.region).request, objects)
        self.log.info("Estimated cost on Amazon: %s", cost)
        if cost.total_usd <= limit:
            return {"approved": True, "estimated_cost_usd": float(cost.total_usd)}
        summary = f"Labeling **{objects:,}** objects would cost **${cost.total_usd:,.2f}** on Amazon: {cost}"
        self.body = "\n\n".join(part for part in (self.body, summary) if part)
        return super().execute(context)
