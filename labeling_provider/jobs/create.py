"""Finds the labeling job that an earlier try has made, or checks and creates one."""

from __future__ import annotations

import dataclasses
import logging
from typing import Any

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import JobNameTakenError, LabelingError
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import RUNNING
from labeling_provider.jobs.caller import Caller, RunOptions
from labeling_provider.jobs.ownership import OwnJob, OwnJobs, changes, killed_tags, request_mark
from labeling_provider.jobs.preflight import check_draft, stream_problems
from labeling_provider.jobs.rounds import Rounds
from labeling_provider.jobs.topics import StreamResources
from labeling_provider.request import AutomatedLabeling, LabelingJobDraft, LabelingJobSpec

log = logging.getLogger(__name__)


class Creation:
    """Makes the jobs of one task instance, each once.

    :param spec: what is to be labeled, and how.
    :ivar under_way: the name of the job that is being created, or was created last; None before.
    :ivar was_killed: whether a user has ended the task: a job that is being created then is stopped at once.
    """

    def __init__(self, ground_truth: GroundTruth, spec: LabelingJobSpec, options: RunOptions, caller: Caller) -> None:
        self._ground_truth, self._options, self._caller = ground_truth, options, caller
        self._given_name = options.job_name or spec.config.get("LabelingJobName")
        config = {key: value for key, value in spec.config.items() if key != "LabelingJobName"}
        self._spec = dataclasses.replace(spec, config=config)
        self.under_way: str | None = None
        self.was_killed = False

    def own_jobs(self) -> OwnJobs:
        """The jobs of this task instance."""
        find = self._ground_truth.find_job
        return OwnJobs(self._caller.owner, self._given_name, self._caller.remembered_name(), find)

    def adopt(self) -> tuple[OwnJob | None, bool]:
        """The job of an earlier try to go on with; None if there is none. And whether it is to be followed up on.

        :raises JobNameTakenError: if the name is somebody else's, or the arguments have changed and that is an error.
        """
        mark = self._request_mark()
        for job in reversed(self.own_jobs().all()):
            same = job.request_mark == mark
            earlier = f"Labeling job {job.name} of an earlier try is {job.status}"
            if job.is_good and (same or self._takes_changed(job)):
                log.info("%s: going on with it", earlier)
                return job, False
            if same and self._options.on_missing_labels == "chain":
                log.info("%s: following up on it", earlier)
                return job, True
            log.info("%s: another one follows", earlier)
        return None, False

    def _takes_changed(self, job: OwnJob) -> bool:
        """Whether to go on with a job whose arguments were others."""
        differing = ", ".join(changes(self._draft(job.name), job))
        what = (
            f"Labeling job {job.name} of an earlier try is {job.status} and was made with other arguments ({differing})"
        )
        if self._options.if_job_exists == "fail":
            raise JobNameTakenError(
                f"{what}. Give if_job_exists='adopt' to go on with it, or 'replace' to stop it and make another."
            )
        if self._options.if_job_exists == "adopt":
            log.warning("%s: going on with it, as if_job_exists='adopt' asks", what)
            return True
        log.warning("%s: replacing it, as if_job_exists='replace' asks", what)
        if job.status in RUNNING:
            self._ground_truth.stop_job(job.name)
        return False

    def create(self, round_number: int = 1, before: OwnJob | None = None) -> OwnJob:
        """Check, store the files, and create the next job, or find it if the answer was lost.

        :param round_number: 1, or more for a follow-up on objects that were not labeled.
        :param before: the job to follow up on; None to label everything.
        :raises InvalidRequestError: with every problem of the request; nothing was sent.
        :raises LabelingError: if the job is not created, or the task was killed while it was.
        """
        own = self.own_jobs()
        jobs = own.all()
        draft, spent = self._draft(own.free_name), 0.0
        if before is not None:
            rounds = Rounds.leading_to(self._ground_truth, before, jobs)
            draft, spent = rounds.follow_up(draft), rounds.cost_usd
        self._continue_from_previous_run(draft.request)
        cost_usd = self._check(draft, spent)
        if self._options.create_topics:
            self._make_resources(JobRequest(draft.request))
        follows = before.name if before else None
        tags = self._caller.owner.tags(self._request_mark(), cost_usd, round_number, follows)
        draft.request["Tags"] = [*draft.request.get("Tags", []), *tags]
        for uri, text in draft.files.items():
            self._ground_truth.objects.write_text(uri, text)
        if not jobs:
            self._caller.remember_name(own.free_name)
        self.under_way = own.free_name
        job = own.claim(self._ground_truth.create_job(draft.request))
        log.info("Created labeling job %s, round %s", job.arn, round_number)
        if self.was_killed:
            self._ground_truth.stop_job(job.name, killed_tags(self._caller.try_number))
            raise LabelingError(f"The task was ended while labeling job {job.name} was created; the job was stopped.")
        return job

    def labels_queue_url(self, job: JobRequest) -> str | None:
        """The queue behind the output topic, made if it is missing; None if none is asked for."""
        if not self._options.labels_queue or not job.output_topic_arn:
            return None
        return StreamResources(self._ground_truth).labels_queue(self._options.labels_queue, job.output_topic_arn)

    def _draft(self, name: str) -> LabelingJobDraft:
        return self._spec.draft(name, self._ground_truth.region)

    def _request_mark(self) -> str:
        return request_mark(self._draft("any"))

    def _check(self, draft: LabelingJobDraft, spent_usd: float) -> float:
        """Refuse a draft that has problems; the estimated cost, USD."""
        options = self._options
        problems = stream_problems(
            draft,
            create_topics=options.create_topics,
            notify_from=options.notify_from,
            labels_queue=options.labels_queue,
            chained=options.on_missing_labels == "chain",
        )
        cost = check_draft(
            self._ground_truth,
            draft,
            max_cost_usd=options.max_cost_usd,
            spent_usd=spent_usd,
            further_problems=problems,
            preflight=options.preflight,
            fix_cors=options.fix_cors,
            further_data=options.notify_from,
        )
        return float(cost.total_usd)

    def _continue_from_previous_run(self, request: dict[str, Any]) -> None:
        """Let automated labeling start from the last model of this task, if that is asked for and it is still there."""
        settings, config = self._spec.automated_labeling, request.get("LabelingJobAlgorithmsConfig")
        wanted = isinstance(settings, AutomatedLabeling) and settings.continue_from_previous_run
        if not wanted or config is None or "InitialActiveLearningModelArn" in config:
            return
        arn = self._caller.last_model()
        if not arn:
            log.info("There is no model of an earlier run: automated labeling starts from scratch")
        elif self._ground_truth.has_model(arn):
            log.info("Automated labeling goes on from %s", arn)
            config["InitialActiveLearningModelArn"] = arn
        else:
            log.warning("The model of an earlier run, %s, is gone: automated labeling starts from scratch", arn)

    def _make_resources(self, job: JobRequest) -> None:
        """Make the topics of a streaming job and what belongs to them."""
        resources = StreamResources(self._ground_truth)
        for topic in filter(None, (job.input_topic_arn, job.output_topic_arn)):
            resources.topic(topic)
        if self._options.notify_from:
            resources.bucket_notifies(str(job.input_topic_arn), self._options.notify_from, self._options.notify_suffix)
        self.labels_queue_url(job)
