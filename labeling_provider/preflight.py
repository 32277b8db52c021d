"""Looks at everything that can be looked at before a labeling job is created and money is spent."""

from __future__ import annotations

from decimal import Decimal
from typing import TYPE_CHECKING, Any, Final

from labeling_provider.errors import InvalidRequestError, LabelingError, Problem
from labeling_provider.manifest import ManifestReport, check_manifest
from labeling_provider.request import CostEstimate, LabelingJobDraft, Surroundings, check_request, estimate_cost
from labeling_provider.request.facts import workforce_kind
from labeling_provider.request.templates import parse_category_document
from labeling_provider.request.workforces import amount_to_usd

if TYPE_CHECKING:
    from labeling_provider.hooks.labeling import LabelingHook

_CATEGORY_FILE_LIMIT: Final = 1_000_000


def check_draft(
    hook: LabelingHook, draft: LabelingJobDraft, *, max_cost_usd: float | None, spent_usd: float = 0.0
) -> CostEstimate:
    """Check a request, its manifest and its category file, and estimate its cost.

    :param hook: reads the files.
    :param max_cost_usd: the most that the estimate may be, USD; None for no limit.
    :param spent_usd: what earlier rounds count for in that limit, USD.
    :raises InvalidRequestError: with all problems; nothing was sent.
    """
    problems: list[Problem] = []
    request = draft.request
    report = _manifest_report(hook, draft, problems)
    categories = draft.categories or _categories(hook, request, problems)
    objects = report.unlabeled if report else None
    problems = check_request(request, Surroundings(hook.conn_region_name, categories, objects)) + problems
    if problems:
        raise InvalidRequestError(problems)
    cost = _estimate(request, objects or 0)
    hook.log.info("Estimated cost on Amazon: %s", cost)
    if max_cost_usd is not None and cost.total_usd + Decimal(str(spent_usd)) > Decimal(str(max_cost_usd)):
        spent = f" after ${spent_usd:,.2f} for earlier jobs" if spent_usd else ""
        message = f"the estimate is ${cost.total_usd:,.2f} ({cost.arithmetic}){spent}."
        remedy = f"Raise the limit of ${max_cost_usd} or label fewer objects."
        raise InvalidRequestError([Problem("max_cost_usd", message, remedy)])
    if workforce_kind(request["HumanTaskConfig"]["WorkteamArn"]) == "public" and _is_amazon(hook):
        hook.log.warning(
            "Amazon's own pages say that Mechanical Turk closed on 2026-09-30: the public workforce may never work."
        )
    return cost


def _manifest_report(hook: LabelingHook, draft: LabelingJobDraft, problems: list[Problem]) -> ManifestReport | None:
    where = "InputConfig.DataSource.S3DataSource.ManifestS3Uri"
    source = draft.request.get("InputConfig", {}).get("DataSource", {})
    uri = source.get("S3DataSource", {}).get("ManifestS3Uri")
    if not uri:
        return None
    attribute = draft.request["LabelAttributeName"]
    try:
        report = check_manifest(hook.read_lines(uri), data_key=draft.task_type.data_key, label_attribute=attribute)
    except LabelingError as error:
        problems.append(Problem(where, f"{error}.", "Check the URI and the rights to read it."))
        return None
    problems.extend(Problem(where, f"{uri} {problem}.", "") for problem in report.problems)
    if report.more_problems:
        problems.append(Problem(where, f"{report.more_problems} further lines are wrong.", ""))
    if not report.problems and not report.unlabeled:
        message = f"every line of {uri} has the label {attribute!r} already."
        problems.append(Problem(where, message, "There is nothing to label."))
    return report


def _categories(hook: LabelingHook, request: dict[str, Any], problems: list[Problem]) -> dict[str, Any] | None:
    uri = request.get("LabelCategoryConfigS3Uri")
    if not uri:
        return None
    try:
        return parse_category_document(hook.read_object(uri, _CATEGORY_FILE_LIMIT))
    except (LabelingError, ValueError) as error:
        problems.append(Problem("LabelCategoryConfigS3Uri", f"{uri}: {error}", "Correct the file."))
        return None


def _is_amazon(hook: LabelingHook) -> bool:
    return ".amazonaws." in hook.conn_client_meta.endpoint_url


def _estimate(request: dict[str, Any], objects: int) -> CostEstimate:
    human = request["HumanTaskConfig"]
    amount = human.get("PublicWorkforceTaskPrice", {}).get("AmountInUsd")
    return estimate_cost(
        objects,
        human["NumberOfHumanWorkersPerDataObject"],
        amount_to_usd(amount) if amount else 0,
        vendor=workforce_kind(human["WorkteamArn"]) == "vendor",
        automated="LabelingJobAlgorithmsConfig" in request,
        most_human_labels=request.get("StoppingConditions", {}).get("MaxHumanLabeledObjectCount"),
    )
