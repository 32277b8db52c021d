"""What everything on its way from Amazon has in common: its line of the report, its error, and how it is asked for."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from enum import StrEnum
from typing import Any, Final, NamedTuple, TypeVar

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.list_pages import pages
from labeling_provider.client.retries import answer_to
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.tag_lists import read_tags

T = TypeVar("T")

SOURCE_TAG: Final = "labeling-import:from"
"""Tag of everything that was imported: the ARN of its original."""


class MovingError(LabelingError):
    """Something can't be brought along; the text says what, why, and what to do."""


class Outcome(StrEnum):
    """The outcome for an item of the import."""

    MADE = "made"
    THERE = "already there"
    REFUSED = "can't be"


class Entry(NamedTuple):
    """A line of the report.

    :param kind: such as ``labeling job``.
    :param notes: what differs from the original; why it can't be created.
    """

    kind: str
    name: str
    outcome: Outcome
    notes: tuple[str, ...] = ()


class Mover:
    """Brings things of one kind.

    :param source: where they are.
    :param target: the service.
    :param dry_run: whether only to look.
    """

    def __init__(self, source: GroundTruth, target: GroundTruth, *, dry_run: bool = False) -> None:
        self._source, self._target, self._dry_run = source, target, dry_run


def ask(where: GroundTruth, operation: str, what: str, **request: Any) -> dict[str, Any]:
    """The answer to a request to SageMaker.

    :param operation: as boto3 names it, such as ``describe_workteam``.
    :param what: what is done, for the error's text.
    :raises MovingError: if it is refused, or not answered.
    """
    return answered(where, lambda: getattr(where.sagemaker, operation)(**request), what)


def tags_at(where: GroundTruth, arn: str) -> dict[str, str]:
    """The tags of something.

    :raises MovingError: if they can't be read.
    """
    return read_tags(ask(where, "list_tags", f"Reading the tags of {arn}", ResourceArn=arn)["Tags"])


def answered(where: GroundTruth, call: Callable[[], T], what: str) -> T:
    """What a call returns.

    :param what: what is done, for the error's text.
    :raises MovingError: if the service refuses or does not answer.
    """
    try:
        return answer_to(call, what, outage=where.outage)
    except LabelingError as error:
        raise MovingError(str(error)) from error.__cause__


def entries(where: GroundTruth, operation: str, member: str) -> Iterator[dict[str, Any]]:
    """The entries of all pages of one of SageMaker's lists.

    :raises MovingError: if they can't be listed.
    """

    def page_of(**request: Any) -> dict[str, Any]:
        return answered(where, lambda: getattr(where.sagemaker, operation)(**request), f"Listing: {operation}")

    for page in pages(page_of, MaxResults=100):
        yield from page[member]
