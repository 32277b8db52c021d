"""Brings labeling jobs from Amazon, with what belongs to them, to a self-hosted service. Amazon is only read.

CreateLabelingJob takes a line that has the label attribute as labeled (developer guide, "Chaining labeling jobs"). So a
finished job is created from its labeled lines alone: nobody labels again, and it is Completed at once. A running job is
created from all of its lines, and people label the rest. A tag says where a job comes from, so that a second run, even
after a kill at any moment, finds what the first one has created.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator
from functools import partial
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.list_pages import pages
from labeling_provider.client.retries import answer_to, error_code, is_credentials_trouble, is_outage
from labeling_provider.errors import InvalidRequestError, LabelingError
from labeling_provider.groundtruth.description import JobDescription, listed_jobs
from labeling_provider.groundtruth.facts import Arn, WorkforceKind
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.groundtruth.layout import output_manifest_uri
from labeling_provider.groundtruth.request_edits import EditableRequest
from labeling_provider.groundtruth.tag_lists import write_tags
from labeling_provider.jobs.moving_choice import Data, JobChoice, Manner
from labeling_provider.jobs.moving_files import JobFiles
from labeling_provider.jobs.moving_parts import SOURCE_TAG, Entry, MovingError, Outcome
from labeling_provider.jobs.moving_plan import AS_RUNNING, AS_TAG, DATA_TAG, Plan, is_finished
from labeling_provider.jobs.moving_teams import PEOPLE, Teams
from labeling_provider.jobs.moving_templates import NamedTemplates
from labeling_provider.request.rules import Surroundings, check_request, task_type_of_request

MAX_SETTLE_SECONDS: Final = 600.0
"""How long to wait until the service has completed a finished job."""

_PAUSE: Final = 0.2


class JobMove:
    """Brings labeling jobs, workteams and worker templates to a service.

    :param source: where they are.
    :param target: the service.
    :raises MovingError: from :meth:`run`, if nothing can be brought at all.
    """

    def __init__(self, source: GroundTruth, target: GroundTruth, manner: Manner | None = None) -> None:
        self._source, self._target, self._manner = source, target, manner or Manner()
        self._files = JobFiles(source, target, self._manner)
        self._teams = Teams(source, target, dry_run=self._manner.dry_run)
        self._templates = NamedTemplates(source, target, dry_run=self._manner.dry_run)
        self._settling: list[Plan] = []
        self._is_checked = False

    def run(self, choice: JobChoice) -> Iterator[Entry]:
        """Bring what is chosen.

        :return: a report entry for each item, as soon as it is done.
        :raises MovingError: if nothing can be brought at all, or one side stops answering.
        """
        self.check()
        chosen = (job.name for job in self._listed(choice) if choice.takes(job))
        if choice == JobChoice():
            yield from self._teams.bring_all()
            yield from self._templates.bring_all()
        elif choice == JobChoice(names=choice.names):
            chosen = (name for name in choice.names)
        for name in chosen:
            yield from self._job(name)
        while self._settling:
            yield self._settled(self._settling.pop(0))

    def check(self) -> None:
        """Make sure that the two sides fit together, before anything is created.

        :raises MovingError: if they don't, or one of them does not answer.
        """
        if self._is_checked:
            return
        target, source = self._target, self._source
        if target.is_amazon:
            raise MovingError(f"{target.endpoint_url} is Amazon's. Name a self-hosted service as the target.")
        if target.endpoint_url.rstrip("/") == source.endpoint_url.rstrip("/"):
            raise MovingError(f"Source and target are the same: {target.endpoint_url}")
        _check_credentials(target)
        teams = self._asked(target, "list_workteams", "Asking the service for its region", MaxResults=1)["Workteams"]
        region = Arn.parse(teams[0]["WorkteamArn"]).region if teams else target.region
        if region != source.region:
            raise MovingError(
                f"The jobs are in {source.region}, and the service is in {region}: their functions, topics and "
                f"workteams have ARNs of {source.region}. Start it with --region {source.region}."
            )
        _check_credentials(source)
        _check_s3_credentials(target)
        if str(target.s3.meta.endpoint_url).rstrip("/") == target.endpoint_url.rstrip("/"):
            try:
                answer_to(target.s3.list_buckets, "Asking the service for its S3", outage=target.outage)
            except LabelingError as error:
                raise MovingError(f"{error} Name it with --s3-endpoint-url.") from error
        self._is_checked = True

    def _listed(self, choice: JobChoice) -> Iterator[JobDescription]:
        """Entries of ListLabelingJobs, oldest first.

        :raises MovingError: if they can't be listed.
        """
        request: dict[str, Any] = {"MaxResults": 100, "SortBy": "CreationTime", "SortOrder": "Ascending"}
        if len(choice.statuses) == 1:
            request["StatusEquals"] = choice.statuses[0]
        if choice.created_after:
            request["CreationTimeAfter"] = choice.created_after
        ask = partial(self._asked, self._source, "list_labeling_jobs", "Listing the labeling jobs")
        for page in pages(ask, **request):
            yield from listed_jobs(page)

    @staticmethod
    def _asked(where: GroundTruth, operation: str, what: str, **request: Any) -> dict[str, Any]:
        try:
            answer: dict[str, Any] = answer_to(
                lambda: getattr(where.sagemaker, operation)(**request), what, outage=where.outage
            )
        except LabelingError as error:
            raise MovingError(str(error)) from error.__cause__
        return answer

    # One job

    def _job(self, name: str) -> Iterator[Entry]:
        """Bring a job. What goes wrong with it goes into the report, and does not stop the others."""
        try:
            job = self._source.find_job(name)
            if job is None:
                raise MovingError("There is no such job.")
            yield from self._brought(job)
        except LabelingError as error:
            if is_outage(error):
                raise MovingError(str(error)) from error.__cause__
            yield Entry("labeling job", name, Outcome.REFUSED, (str(error),))
        except (LookupError, ValueError, TypeError, AttributeError) as error:
            reason = f"Its description is not a valid answer of SageMaker's: {error!r}"
            yield Entry("labeling job", name, Outcome.REFUSED, (reason,))

    def _brought(self, job: JobDescription) -> Iterator[Entry]:
        present = self._target.find_job(job.name)
        if present is not None:
            yield from self._present(job, present)
            return
        status = job.state.status
        if status == JobStatus.STOPPING:
            raise MovingError("It is being stopped. Run this again when it is Stopped.")
        finished = is_finished(job)
        plan = _plan(job, EditableRequest.of(job), finished, self._files.labels_uri(job))
        if status in {JobStatus.STOPPED, JobStatus.FAILED} and not finished and not self._manner.continue_stopped:
            yield from self._files_only(
                plan, f"it was {status} at Amazon. --continue-stopped creates a job for the rest."
            )
            return
        yield from self._created(plan)

    def _created(self, plan: Plan) -> Iterator[Entry]:
        # Whatever may be refused comes before anything is created.
        counts = self._files.count(plan)
        plan.end_if_done(counts)
        if plan.is_finished and not counts.labeled:
            yield from self._files_only(plan, "it has no labels.")
            return
        plan.prepare(self._manner, same_s3=self._files.same_s3)
        plan.fit_to_rest(counts)
        is_brought = self._choose_team(plan)
        problems = check_request(plan.request.members, Surroundings(region=self._source.region))
        if problems:
            raise InvalidRequestError(problems)
        self._files.check(plan)
        if is_brought:
            yield from self._bring_team(plan)
        data = yield from self._copy(plan)
        self._files.write_manifest(plan)
        plan.note_data(data)
        if not plan.is_finished:
            self._stream(plan)
        if not self._manner.dry_run:
            self._create(plan)
        if plan.is_finished and not self._manner.dry_run:
            self._settling.append(plan)
        else:
            yield Entry("labeling job", plan.job.name, Outcome.MADE, tuple(plan.notes))

    def _copy(self, plan: Plan) -> Generator[Entry, None, Data]:
        """Copy a job's files and data objects.

        :return: which data are here now; :attr:`Data.NONE` if something is missing.
        """
        files = yield from self._files.copy(plan, goes_on=not plan.is_finished)
        objects = yield from self._files.copy_data(plan)
        return Data.NONE if files.problems or objects.problems else self._manner.data

    def _present(self, job: JobDescription, present: JobDescription) -> Iterator[Entry]:
        """Report a job that the service has; finish what an earlier run did not."""
        if present.tags.get(SOURCE_TAG) != job.arn:
            raise MovingError(
                "The service has a different labeling job with this name, and jobs can't be renamed. Bring it to "
                "a service with an empty data directory."
            )
        notes: tuple[str, ...] = ()
        is_running = present.tags.get(AS_TAG) == AS_RUNNING
        if is_running:
            notes = (f"It is {present.status} here.",)
            if job.state.modified > present.state.created:
                notes += ("It has changed at Amazon since the import: labels added there since then are missing here.",)
        elif not self._manner.dry_run:
            plan = _plan(job, EditableRequest.of(present), True, job.output_manifest_uri)
            entry = self._settled(plan)
            if entry.outcome == Outcome.REFUSED:
                yield entry
                return
            notes = entry.notes
        if not Data(present.tags.get(DATA_TAG, Data.NONE)).covers(self._manner.data):
            notes += yield from self._copy_more(job, present, is_running)
        yield Entry("labeling job", job.name, Outcome.THERE, notes)

    def _copy_more(
        self, job: JobDescription, present: JobDescription, is_running: bool
    ) -> Generator[Entry, None, tuple[str, ...]]:
        """Copy what an earlier run could not copy, or was not asked to.

        :return: notes for the report.
        """
        plan = _plan(job, EditableRequest.of(present), not is_running, self._files.labels_uri(job))
        data = yield from self._copy(plan)
        if data != Data.NONE and not self._manner.dry_run:
            tags, sagemaker = write_tags({DATA_TAG: str(data)}), self._target.sagemaker
            answer_to(
                lambda: sagemaker.add_tags(ResourceArn=present.arn, Tags=tags),
                f"Tagging {job.name}",
                outage=self._target.outage,
            )
        return tuple(plan.notes)

    def _stream(self, plan: Plan) -> None:
        """Give a streaming job topics on the service."""
        arns: dict[str, str] = {}
        for arn in filter(None, (plan.request.input_topic_arn, plan.request.output_topic_arn)):
            name, sns = Arn.parse(arn).resource, self._target.client("sns")
            if self._manner.dry_run:
                plan.notes.append(f"Its topic {name} is created, too.")
                continue
            answer = answer_to(
                lambda: sns.create_topic(Name=name),  # noqa: B023 - called at once
                f"Creating the topic {name}",
                outage=self._target.outage,
            )
            arns[arn] = answer["TopicArn"]
            plan.notes.append(f"Its topic {name} is {arns[arn]} here.")
        plan.request.replace_topics(arns)
        if plan.job.is_streaming:
            plan.notes.append("Objects that wait in its queue at Amazon stay there: send them again.")

    def _choose_team(self, plan: Plan) -> bool:
        """Put the service's workteam that replaces a job's workteam into the request.

        :return: whether none does, because the workteam itself can be brought.
        :raises MovingError: if no replacement was given for one that can't be brought.
        """
        arn, kind = _workteam_arn(plan), plan.job.workforce_kind
        why = f"The {kind} workteam {arn} can't be used here."
        given = self._manner.workteams.get(arn) or self._manner.workteams.get(arn.rpartition("/")[2])
        if given is None and kind == WorkforceKind.PRIVATE:
            try:
                self._teams.check(arn)
            except MovingError as error:
                if is_outage(error):
                    raise
                why = str(error)
            else:
                return True
        if given is None and not plan.is_finished:
            raise MovingError(f"{why} Name a workteam of the service to replace it: --workteam {arn}=NAME.")
        if given is not None or kind != WorkforceKind.PUBLIC:
            self._put_team(plan, given or PEOPLE)
        return False

    def _put_team(self, plan: Plan, name: str) -> None:
        """:raises MovingError: if the service has no workteam of this name."""
        plan.request.assign(self._teams.existing(name))
        plan.notes.append(f"Its workteam is {name} here.")
        if plan.request.workforce_kind != WorkforceKind.PUBLIC:
            plan.notes += [
                f"{name} was left out: only the public workforce has a price." for name in plan.request.drop_price()
            ]

    def _bring_team(self, plan: Plan) -> Iterator[Entry]:
        """:raises MovingError: if the service refuses the workteam of a job that needs it."""
        arn = _workteam_arn(plan)
        try:
            yield from self._teams.bring(arn)
            plan.request.assign(self._teams.arn(arn))
        except MovingError as error:
            if is_outage(error):
                raise
            if not plan.is_finished:
                again = f"Name a workteam of the service to replace it: --workteam {arn}=NAME."
                raise MovingError(f"{error} {again}") from error.__cause__
            self._put_team(plan, PEOPLE)

    def _create(self, plan: Plan) -> None:
        """:raises LabelingError: if the service refuses the job, or by now has a different one with its name."""
        try:
            created = self._target.create_job(plan.request.members)
        except LabelingError as error:
            if plan.needs_functions and error_code(error) == "ValidationException":
                again = "Once its functions are in the workforce file, restart the service and run this again."
                raise MovingError(f"{error} {again}") from error.__cause__
            raise
        if created.tags.get(SOURCE_TAG) != plan.job.arn:
            raise MovingError("Somebody has just created another labeling job with this name.")

    def _settled(self, plan: Plan) -> Entry:
        """Wait until the service has completed a finished job, and give it Amazon's output manifest.

        The one that the service has written has the labeled lines only.
        """
        name, until = plan.job.name, time.monotonic() + MAX_SETTLE_SECONDS
        try:
            while not (here := self._target.job(name)).state.has_ended:
                if time.monotonic() > until:
                    raise MovingError("The service has not completed it within 10 minutes. Run this again.")
                time.sleep(_PAUSE)
            if here.status != JobStatus.COMPLETED:
                raise MovingError(f"It is {here.status} here: {here.state.reason or 'see the log of the service'}")
            note = self._files.replace_output(plan.job, output_manifest_uri(plan.output), plan.manifest_uri)
        except LabelingError as error:
            return Entry("labeling job", name, Outcome.REFUSED, (str(error),))
        return Entry("labeling job", name, Outcome.MADE, (*plan.notes, *filter(None, (note,))))

    def _files_only(self, plan: Plan, why: str) -> Iterator[Entry]:
        tally = yield from self._files.copy(plan)
        if self._manner.data == Data.ALL:
            yield from self._files.copy_data(plan)
        outcome = Outcome.MADE if tally.copied else Outcome.THERE
        yield Entry("files of a job", plan.job.name, outcome, (f"No job was created: {why}", *plan.notes))


def _check_credentials(where: GroundTruth) -> None:
    """Do not wait for missing or expired credentials: somebody is waiting for the command.

    :raises MovingError: if credentials are missing or expired.
    """
    try:
        where.sagemaker.list_labeling_jobs(MaxResults=1)
    except (BotoCoreError, ClientError, OSError) as error:
        if is_credentials_trouble(error):
            raise MovingError(f"{where.endpoint_url}: {error}") from None


def _check_s3_credentials(where: GroundTruth) -> None:
    """:raises MovingError: if credentials of S3, which may be elsewhere, are missing or wrong."""
    try:
        where.s3.list_buckets()
    except (BotoCoreError, ClientError, OSError) as error:
        if is_credentials_trouble(error):
            raise MovingError(f"{where.s3.meta.endpoint_url}: {error}") from None


def _plan(job: JobDescription, request: EditableRequest, finished: bool, labels_uri: str | None) -> Plan:
    return Plan(job, request, task_type_of_request(request.members), finished, labels_uri)


def _workteam_arn(plan: Plan) -> str:
    """:raises MovingError: if the job has none."""
    if plan.request.workteam_arn is None:
        raise MovingError("Its description names no workteam.")
    return plan.request.workteam_arn
