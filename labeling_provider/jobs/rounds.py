"""A labeling job and its follow-up jobs, which label what was left unlabeled; and their combined result."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Sequence
from functools import cached_property, reduce
from typing import Any, Final

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import JobState
from labeling_provider.groundtruth.objects import FAILURE_REASON, metadata_of
from labeling_provider.groundtruth.uris import join_s3_uri
from labeling_provider.jobs.addresses import job_url
from labeling_provider.jobs.ownership import OwnJob
from labeling_provider.manifest import merge_rounds, missing_lines
from labeling_provider.request import LabelingJobDraft

_MAX_REASONS: Final = 10
_MAX_REASON: Final = 300


class Rounds:
    """One labeling job, or a chain of jobs that each follow up on the one before.

    :param jobs: the jobs in order, at least one.
    """

    def __init__(self, ground_truth: GroundTruth, jobs: Sequence[OwnJob]) -> None:
        self._ground_truth, self._jobs = ground_truth, list(jobs)

    @classmethod
    def leading_to(cls, ground_truth: GroundTruth, last: OwnJob, known: Sequence[OwnJob]) -> Rounds:
        """The chain of jobs that ends with a given one.

        :param last: the last job of the chain.
        :param known: all jobs of the task instance.
        """
        by_name = {job.name: job for job in known}
        jobs = [last]
        while (before := by_name.get(jobs[0].follows)) is not None:
            jobs.insert(0, before)
        return cls(ground_truth, jobs)

    @cached_property
    def state(self) -> JobState:
        """The combined state of all rounds."""
        return reduce(JobState.with_follow_up, (job.state for job in self._jobs))

    @property
    def cost_usd(self) -> float:
        """The estimated cost of all rounds, in USD."""
        return sum(job.cost_usd for job in self._jobs)

    def follow_up(self, draft: LabelingJobDraft) -> LabelingJobDraft:
        """Change a draft to label only the unlabeled objects, and store their manifest with the job's output.

        :raises LabelingError: if the labels can't be read, or the manifest can't be written.
        """
        last = self._jobs[-1]
        uri = join_s3_uri(JobRequest(draft.request).output_uri, "manifests/input/missing.manifest")
        missing = 0
        with self._ground_truth.objects.writer(uri) as upload:
            for line in missing_lines(
                self._ground_truth.objects.read_lines(last.labels_uri), last.label_attribute, last.labels_uri
            ):
                upload.write(line)
                missing += 1
        return draft.follow_up(uri, missing, self.state)

    def result(self) -> dict[str, Any]:
        """The task's result as a JSON value. The labels of several rounds are merged into one manifest.

        :raises LabelingError: if the manifests can't be read or merged.
        """
        state, last = self.state, self._jobs[-1]
        return {
            "job_name": state.name,
            "job_arn": state.arn,
            "status": state.status.value,
            "output_manifest_uri": self._merged() if len(self._jobs) > 1 else state.output_manifest_uri,
            "label_attribute_name": last.label_attribute,
            "counters": {
                "total_labeled": state.labeled,
                "human_labeled": state.human_labeled,
                "machine_labeled": state.machine_labeled,
                "failed": state.failed,
                "unlabeled": state.unlabeled,
            },
            "unlabeled": state.unlabeled,
            "failed": state.failed,
            "final_model_arn": state.final_model_arn,
            "estimated_cost_usd": round(self.cost_usd, 2),
            "region": self._ground_truth.region,
            "rounds": [self._round(job) for job in self._jobs],
        }

    def _round(self, job: OwnJob) -> dict[str, Any]:
        state = job.state
        return {**state.counters(), "output_manifest_uri": state.output_manifest_uri, "url": self._url(job)}

    def _url(self, job: OwnJob) -> str:
        return job_url(self._ground_truth, job)

    def _merged(self) -> str:
        last = self._jobs[-1]
        uri = join_s3_uri(last.output_uri, "manifests/merged/merged.manifest")
        uris = [job.labels_uri for job in self._jobs]
        rounds = [self._ground_truth.objects.read_lines(labels_uri) for labels_uri in uris]
        with self._ground_truth.objects.writer(uri) as upload:
            for line in merge_rounds(rounds, last.label_attribute, uris):
                upload.write(line)
        return uri

    def missing_labels(self) -> str:
        """How many objects have no label in the end, and why, as a sentence for people."""
        state, last = self.state, self._jobs[-1]
        message = (
            f"Labeling job {state.name} has ended with {state.missing:,} of {state.total:,} objects unlabeled "
            f"({state.failed:,} failed, {state.unlabeled:,} not labeled)"
        )
        reasons: Counter[str] = Counter()
        examples: dict[str, int] = {}
        if state.output_manifest_uri and state.failed:
            for number, reason in _failures(
                self._ground_truth.objects.read_lines(state.output_manifest_uri), last.label_attribute
            ):
                reasons[reason] += 1
                examples.setdefault(reason, number)
        details = [
            f"{count:,} failed, line {examples[reason]} first: {reason}"
            for reason, count in reasons.most_common(_MAX_REASONS)
        ]
        return "; ".join([message, *details])


def _failures(lines: Iterator[bytes], attribute: str) -> Iterator[tuple[int, str]]:
    """Line number and reason of every failed object."""
    for number, raw in enumerate(lines, 1):
        if FAILURE_REASON.encode() in raw and (reason := metadata_of(json.loads(raw), attribute).get(FAILURE_REASON)):
            yield number, str(reason)[:_MAX_REASON]
