"""Adopts the labeling job of an earlier try, or checks and creates one."""

from __future__ import annotations

import dataclasses
import logging

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.errors import JobNameTakenError, LabelingError
from labeling_provider.groundtruth.description import JobRequest
from labeling_provider.groundtruth.job import RUNNING
from labeling_provider.groundtruth.request_edits import EditableRequest
from labeling_provider.jobs.caller import Caller, RunOptions
from labeling_provider.jobs.ownership import OwnJob, OwnJobs, changes, killed_tags, request_mark
from labeling_provider.jobs.preflight import check_draft, stream_problems
from labeling_provider.jobs.rounds import Rounds
from labeling_provider.jobs.topics import StreamResources
from labeling_provider.request import AutomatedLabeling, LabelingJobDraft, LabelingJobSpec

log = logging.getLogger(__name__)


class Creation:
    """Creates the jobs of one task instance, each exactly once.

    :param spec: the labeling job's arguments.
    :ivar under_way: the name of the job being created or created last; None before the first.
    :ivar was_killed: whether a user has killed the task; a job being created at that time is stopped at once.
    """

    def __init__(self, ground_truth: GroundTruth, spec: LabelingJobSpec, options: RunOptions, caller: Caller) -> None:
        self._ground_truth, self._options, self._caller = ground_truth, options, caller
        request = JobRequest(spec.config)
        self._given_name = options.job_name or request.given_name
        self._spec = dataclasses.replace(spec, config=request.without_name())
        self.under_way: str | None = None
        self.was_killed = False

    def own_jobs(self) -> OwnJobs:
        """The jobs of this task instance."""
        find = self._ground_truth.find_job
        return OwnJobs(self._caller.owner, self._given_name, self._caller.remembered_name(), find)

    def adopt(self) -> tuple[OwnJob | None, bool]:
        """The job of an earlier try to continue with, or None; and whether it needs a follow-up job.

        :raises JobNameTakenError: if the name belongs to somebody else, or the arguments have changed and that is an
            error.
        """
        mark = self._request_mark()
        for job in reversed(self.own_jobs().all()):
            same = job.request_mark == mark
            earlier = f"Labeling job {job.name} of an earlier try is {job.status}"
            if job.is_good and (same or self._takes_changed(job)):
                log.info("%s: continuing with it", earlier)
                return job, False
            if same and self._options.on_missing_labels == "chain":
                log.info("%s: following up on it", earlier)
                return job, True
            log.info("%s: creating another one", earlier)
        return None, False

    def _takes_changed(self, job: OwnJob) -> bool:
        """Whether to continue with a job that was created with different arguments."""
        differing = ", ".join(changes(self._draft(job.name), job))
        what = (
            f"Labeling job {job.name} of an earlier try is {job.status} and was created with different arguments "
            f"({differing})"
        )
        if self._options.if_job_exists == "fail":
            raise JobNameTakenError(
                f"{what}. Set if_job_exists='adopt' to continue with it, or 'replace' to stop it and create another."
            )
        if self._options.if_job_exists == "adopt":
            log.warning("%s: continuing with it, because if_job_exists='adopt'", what)
            return True
        log.warning("%s: replacing it, because if_job_exists='replace'", what)
        if job.status in RUNNING:
            self._ground_truth.stop_job(job.name)
        return False

    def create(self, round_number: int = 1, before: OwnJob | None = None) -> OwnJob:
        """Check the request, store its files, and create the next job.

        :param round_number: 1, or more for a follow-up on unlabeled objects.
        :param before: the job to follow up on; None to label all objects.
        :raises InvalidRequestError: with every problem of the request; nothing was sent.
        :raises LabelingError: if the job can't be created, or the task was killed meanwhile.
        """
        own = self.own_jobs()
        jobs = own.all()
        draft, spent = self._draft(own.free_name), 0.0
        if before is not None:
            rounds = Rounds.leading_to(self._ground_truth, before, jobs)
            draft, spent = rounds.follow_up(draft), rounds.cost_usd
        request = EditableRequest(draft.request)
        self._continue_from_previous_run(request)
        cost_usd = self._check(draft, spent)
        if self._options.create_topics:
            self._make_resources(request)
        follows = before.name if before else None
        tags = self._caller.owner.tags(self._request_mark(), cost_usd, round_number, follows)
        request.tag(tags)
        for uri, text in draft.files.items():
            self._ground_truth.objects.write_text(uri, text)
        if not jobs:
            self._caller.remember_name(own.free_name)
        self.under_way = own.free_name
        job = own.claim(self._ground_truth.create_job(draft.request))
        log.info("Created labeling job %s, round %s", job.arn, round_number)
        if self.was_killed:
            self._ground_truth.stop_job(job.name, killed_tags(self._caller.try_number))
            raise LabelingError(f"The task was killed while labeling job {job.name} was created; the job was stopped.")
        return job

    def labels_queue_url(self, job: JobRequest) -> str | None:
        """URL of the queue for labels, created if it does not exist; None if the options ask for none."""
        if not self._options.labels_queue or not job.output_topic_arn:
            return None
        return StreamResources(self._ground_truth).labels_queue(self._options.labels_queue, job.output_topic_arn)

    def _draft(self, name: str) -> LabelingJobDraft:
        return self._spec.draft(name, self._ground_truth.region)

    def _request_mark(self) -> str:
        return request_mark(self._draft("any"))

    def _check(self, draft: LabelingJobDraft, spent_usd: float) -> float:
        """Check a draft; returns the estimated cost in USD.

        :raises InvalidRequestError: with every problem.
        """
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

    def _continue_from_previous_run(self, request: EditableRequest) -> None:
        """Start automated labeling from this task's last model, if the spec asks for it and the model still exists."""
        settings = self._spec.automated_labeling
        wanted = isinstance(settings, AutomatedLabeling) and settings.continue_from_previous_run
        if not wanted or not request.is_automated or request.initial_model_arn:
            return
        arn = self._caller.last_model()
        if not arn:
            log.info("There is no model from an earlier run; automated labeling starts from scratch")
        elif self._ground_truth.has_model(arn):
            log.info("Automated labeling continues from %s", arn)
            request.start_from(arn)
        else:
            log.warning("The model %s no longer exists; automated labeling starts from scratch", arn)

    def _make_resources(self, job: JobRequest) -> None:
        """Create a streaming job's topics, bucket notifications and queue for labels."""
        resources = StreamResources(self._ground_truth)
        for topic in filter(None, (job.input_topic_arn, job.output_topic_arn)):
            resources.topic(topic)
        if self._options.notify_from:
            resources.bucket_notifies(str(job.input_topic_arn), self._options.notify_from, self._options.notify_suffix)
        self.labels_queue_url(job)
