"""Describes the progress of a labeling job in words: for the log of a waiting task, and for stalled jobs."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from labeling_provider.errors import counted
from labeling_provider.groundtruth.description import JobDescription
from labeling_provider.groundtruth.job import JobState, JobStatus


def stall_report(job: JobDescription, seconds: float) -> str:
    """What is known about a stalled job, and the usual cause.

    :param seconds: how long the job has made no progress.
    """
    state, workers = job.state, job.workers_per_object
    modified = datetime.fromtimestamp(state.modified, UTC).isoformat(timespec="seconds")
    known = (
        f"Labeling job {state.name} has made no progress for {duration(seconds)}: {state.status}, {state.labeled:,} of "
        f"{state.total:,} objects labeled ({state.human_labeled:,} by people, {state.machine_labeled:,} by machine), "
        f"{state.failed:,} failed, {state.unlabeled:,} open; workteam {job.workteam_arn}; last changed at {modified}."
    )
    if state.status == JobStatus.INITIALIZING:
        cause = "the execution role can't be assumed or can't read the manifest, or the manifest is very large."
    elif state.status == JobStatus.STOPPING:
        cause = "workers still have tasks, which may take until their time limit."
    elif state.labeled + state.failed == 0:
        cause = (
            "the workteam has no members, or they do not know of the job; workers see broken images because the bucket "
            f"has no CORS rule; or fewer workers have answered than each object needs, {workers}."
        )
    else:
        cause = (
            f"the workers have stopped working, or the remaining objects need {counted(workers, 'worker')} who have "
            "not declined them."
        )
    return f"{known} Usual cause: {cause}"


class Progress:
    """Turns states into log lines, one for each change. Rates are measured from the first state."""

    def __init__(self) -> None:
        self._first: tuple[JobState, float] | None = None
        self._last: JobState | None = None

    def line(self, state: JobState, now: float) -> str | None:
        """The log line for a state; None if nothing has changed.

        :param now: current time in epoch seconds.
        """
        before, self._last = self._last, state
        if self._first is None or self._first[0].labeled > state.labeled:
            self._first = (state, now)
        if before is not None and before.counted == state.counted:
            return None
        parts = [f"{state.name} {state.status}"]
        if state.total:
            by = f"{state.human_labeled:,} by people"
            if state.machine_labeled:
                by += f", {state.machine_labeled:,} by machine"
            parts.append(f"{state.labeled:,} of {state.total:,} labeled ({by})")
        if state.failed:
            parts.append(f"{state.failed:,} failed")
        parts.extend(self._outlook(state, now))
        if state.reason:
            parts.append(state.reason)
        return ", ".join(parts)

    def _outlook(self, state: JobState, now: float) -> Iterable[str]:
        """Rate and time left, as soon as objects have been labeled."""
        assert self._first is not None  # noqa: S101 - set by line()
        first, since = self._first
        done = state.labeled + state.failed - first.labeled - first.failed
        if state.status != JobStatus.IN_PROGRESS or done <= 0 or now <= since:
            return
        per_second = done / (now - since)
        yield f"{per_second * 3600:,.0f} objects/hour"
        yield f"about {duration(state.unlabeled / per_second)} left"


def duration(seconds: float) -> str:
    """A duration for people: ``45 s``, ``12 min``, ``3 h 20 min``, ``2 d 4 h``."""
    if seconds < 90:
        return f"{seconds:.0f} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, minutes = divmod(minutes, 60)
    if hours < 24:
        return f"{hours} h {minutes} min"
    days, hours = divmod(hours, 24)
    return f"{days} d {hours} h"
