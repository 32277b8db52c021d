"""Polls many labeling jobs with as few requests as possible.

ListLabelingJobs returns up to 100 jobs per page with status, counters and failure reason, which is enough to follow
them. DescribeLabelingJob is used for few jobs, and for jobs that a listing did not contain. Source: API reference,
ListLabelingJobs and DescribeLabelingJob.
"""

from __future__ import annotations

import logging
import math
from collections import Counter
from collections.abc import Iterator, Mapping
from datetime import UTC, datetime
from itertools import islice
from typing import Any, Final

from labeling_provider.client.list_pages import pages
from labeling_provider.client.retries import is_missing, is_refused, is_transient
from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.description import listed_jobs
from labeling_provider.groundtruth.job import RUNNING, JobState, JobStatus

PAGE: Final = 100
_FEW: Final = 2

Seen = dict[str, JobState | LabelingError]

log = logging.getLogger(__name__)


class Watched:
    """A job that is being polled.

    :param created: creation time by the service's clock, in epoch seconds; None if not known yet.
    :param status: the last known status.
    """

    __slots__ = ("created", "status")

    def __init__(self, created: float | None = None, status: str = JobStatus.IN_PROGRESS) -> None:
        self.created, self.status = created, status

    def saw(self, state: JobState) -> None:
        """Remember a state for the next poll."""
        self.created, self.status = state.created, state.status


class Lookout:
    """Polls the states of labeling jobs.

    :param sagemaker: a boto3 SageMaker client.
    """

    def __init__(self, sagemaker: Any) -> None:
        self._sagemaker = sagemaker
        self._may_list = True

    def poll(self, watched: dict[str, Watched]) -> Iterator[Seen]:
        """Poll all jobs. Yields states by name as they arrive, with an error in place of a state that can't be read.

        Jobs of one status are listed by the period in which they were created, until all have been seen. A job missing
        from such a listing has changed its status meanwhile. It is looked up in a listing of all statuses, or described
        where that takes fewer requests.

        :param watched: the jobs, by name.
        :raises botocore.exceptions.BotoCoreError: or ClientError, if the service refuses or does not answer.
        """
        missing = dict(watched)
        for status, count in Counter(job.status for job in watched.values()).most_common():
            if count > _FEW and status in RUNNING:
                yield from self._list(
                    {name: job for name, job in missing.items() if job.status == status}, missing, status
                )
        if len(missing) > _FEW:
            yield from self._list(dict(missing), missing, None)
        for name in missing:
            yield {name: self.describe(name)}

    def _list(self, wanted: dict[str, Watched], missing: dict[str, Watched], status: str | None) -> Iterator[Seen]:
        """Pages of ListLabelingJobs, until all wanted jobs were seen or there were as many pages as jobs."""
        dated = [job.created for job in wanted.values() if job.created is not None]
        if not dated or not self._may_list:
            return
        # Times are sent in whole seconds, and both bounds are exclusive.
        request: dict[str, Any] = {
            "MaxResults": PAGE,
            "SortBy": "CreationTime",
            "SortOrder": "Ascending",
            "CreationTimeAfter": datetime.fromtimestamp(math.floor(min(dated)) - 1, UTC),
            "CreationTimeBefore": datetime.fromtimestamp(math.ceil(max(dated)) + 1, UTC),
        }
        if status:
            request["StatusEquals"] = status
        for answer in self._pages(request, len(dated)):
            page: Seen = {}
            for job in listed_jobs(answer):
                if job.name in wanted:
                    page[job.name] = _read(job.members)
                    del wanted[job.name], missing[job.name]
            yield page
            if not wanted:
                return

    def _pages(self, request: dict[str, Any], max_pages: int) -> Iterator[Mapping[str, Any]]:
        """Responses of ListLabelingJobs; from the first that is refused on, none."""
        try:
            yield from islice(pages(self._sagemaker.list_labeling_jobs, **request), max_pages)
        except Exception as error:
            if not is_refused(error):
                raise
            self._may_list = False
            log.warning(
                "Labeling jobs can't be listed; describing each on its own, which takes more requests: %s", error
            )

    def describe(self, name: str) -> JobState | LabelingError:
        """The state of one job, or an error if it can't be read.

        :raises botocore.exceptions.BotoCoreError: or ClientError, if a retry may help.
        """
        try:
            return _read(self._sagemaker.describe_labeling_job(LabelingJobName=name))
        except Exception as error:
            if is_missing(error):
                return LabelingError(f"Waiting for {name}: the labeling job no longer exists ({error})")
            if is_transient(error):
                raise
            return LabelingError(f"Waiting for {name}: {error}")


def _read(answer: Mapping[str, Any]) -> JobState | LabelingError:
    try:
        return JobState.of(answer)
    except LabelingError as error:
        return error
