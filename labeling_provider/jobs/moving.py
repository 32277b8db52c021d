"""Brings labeling jobs from Amazon, with what belongs to them, to a self-hosted service. Amazon is only read.

CreateLabelingJob takes a line that has the label attribute as labeled (developer guide, "Chaining labeling jobs"). So a
finished job is made from its labeled lines alone: nobody is asked again, and it is Completed at once. A running job is
made from all of its lines, and people label the rest. A tag says where a job comes from, so that a second run, also
after a kill at any moment, finds what the first one has made.
"""

from __future__ import annotations

import time
from collections.abc import Generator, Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any, Final

from botocore.exceptions import BotoCoreError, ClientError

from labeling_provider.client.copies import Copied, Copies
from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.listing import list_uris
from labeling_provider.client.retries import answer_to, error_code, is_credentials_trouble, is_outage
from labeling_provider.errors import InvalidRequestError, LabelingError
from labeling_provider.groundtruth.description import ECHOED, JobDescription, JobRequest
from labeling_provider.groundtruth.facts import Arn, Quota
from labeling_provider.groundtruth.job import JobStatus
from labeling_provider.groundtruth.layout import output_manifest_uri
from labeling_provider.groundtruth.ready_functions import ready_function
from labeling_provider.groundtruth.task_types import TaskType
from labeling_provider.groundtruth.uris import as_s3_uri, join_s3_uri, split_s3_uri
from labeling_provider.jobs.line_files import files_of_line
from labeling_provider.jobs.moving_choice import Choice, Data, Manner
from labeling_provider.jobs.moving_teams import PEOPLE, SOURCE_TAG, Entry, MovingError, Outcome, Teams
from labeling_provider.manifest import ManifestError, written
from labeling_provider.manifest.reader import LineProblem, parse_line
from labeling_provider.manifest.sequences import SequenceError
from labeling_provider.request.rules import Surroundings, check_request, task_type_of_request

AS_TAG: Final = "labeling-import:as"
"""Tag of an imported job: whether it was finished then."""
OWN_FOLDER: Final = "self-hosted"
"""Folder in a job's old output path for its output here, where both sides use the same S3."""
MAX_TAGS: Final = 50
MAX_SETTLE_SECONDS: Final = 600.0
"""How long to wait until the service has taken in a finished job."""

_INPUT: Final = "labeling-import"
"""Folder, in the bucket of a job's output, for its input manifest here. Streaming jobs keep input and output apart."""
_REQUEST: Final = ("LabelingJobName", *ECHOED)
_FINISHED: Final = "finished"
_RUNNING: Final = "running"
_GONE: Final = frozenset({"404", "NoSuchKey", "NoSuchBucket"})
_PAUSE: Final = 0.2


@dataclass
class _Plan:
    """A job on its way.

    :param is_finished: whether nobody shall work on it any more.
    :param labels_uri: URI of the source's manifest with the labels so far; None if there is no manifest yet.
    :param needs_functions: whether the service has to know functions of the job's own.
    """

    job: JobDescription
    request: dict[str, Any]
    task_type: TaskType
    is_finished: bool
    labels_uri: str | None
    needs_functions: bool = False
    notes: list[str] = field(default_factory=list)

    @property
    def output(self) -> str:
        """S3 URI of the job's output folder here."""
        return JobRequest(self.request).output_uri

    @property
    def manifest_uri(self) -> str:
        """S3 URI of its input manifest here."""
        bucket, _ = split_s3_uri(self.output)
        return f"s3://{bucket}/{_INPUT}/{self.job.name}.manifest"


class Move:
    """Brings labeling jobs, workteams and worker templates to a service.

    :param source: where they are.
    :param target: the service.
    :raises MovingError: from :meth:`run`, if nothing can be brought at all.
    """

    def __init__(self, source: GroundTruth, target: GroundTruth, manner: Manner | None = None) -> None:
        self._source, self._target, self._manner = source, target, manner or Manner()
        self._copies = Copies(source, target, dry_run=self._manner.dry_run)
        self._teams = Teams(source, target, dry_run=self._manner.dry_run)
        self._settling: list[_Plan] = []

    def run(self, choice: Choice) -> Iterator[Entry]:
        """Bring what is chosen.

        :return: a line of the report for each thing, as soon as it is done.
        :raises MovingError: if nothing can be brought at all, or one side does not answer any more.
        """
        self._check()
        chosen = (one["LabelingJobName"] for one in self._summaries(choice) if choice.takes(one))
        if choice == Choice():
            yield from self._teams.bring_all()
            yield from self._teams.bring_templates()
        elif choice == Choice(names=choice.names):
            chosen = (name for name in choice.names)
        for name in chosen:
            yield from self._job(name)
        while self._settling:
            yield self._settled(self._settling.pop(0))

    def _check(self) -> None:
        target, source = self._target, self._source
        if target.is_amazon:
            raise MovingError(f"{target.endpoint_url} is Amazon's. Name a service of your own as the target.")
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
        if str(target.s3.meta.endpoint_url).rstrip("/") == target.endpoint_url.rstrip("/"):
            try:
                answer_to(target.s3.list_buckets, "Asking the service for its S3", outage=target.outage)
            except LabelingError as error:
                raise MovingError(f"{error} Name it with --s3-endpoint-url.") from error

    def _summaries(self, choice: Choice) -> Iterator[dict[str, Any]]:
        """Entries of ListLabelingJobs, oldest first.

        :raises MovingError: if they can't be listed.
        """
        request: dict[str, Any] = {"MaxResults": 100, "SortBy": "CreationTime", "SortOrder": "Ascending"}
        if len(choice.statuses) == 1:
            request["StatusEquals"] = choice.statuses[0]
        if choice.created_after:
            request["CreationTimeAfter"] = choice.created_after
        while True:
            page = self._asked(self._source, "list_labeling_jobs", "Listing the labeling jobs", **request)
            yield from page["LabelingJobSummaryList"]
            if not page.get("NextToken"):
                return
            request["NextToken"] = page["NextToken"]

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
        """Bring a job. What goes wrong with it is told in the report, and does not keep the others."""
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
            reason = f"Its description is not one of SageMaker's: {error!r}"
            yield Entry("labeling job", name, Outcome.REFUSED, (reason,))

    def _brought(self, job: JobDescription) -> Iterator[Entry]:
        present = self._target.find_job(job.name)
        if present is not None:
            yield from self._present(job, present)
            return
        status = job.state.status
        if status == JobStatus.STOPPING:
            raise MovingError("It is being stopped. Run this again when it is Stopped.")
        is_finished = _is_finished(job)
        request = _filled({member: job.members[member] for member in _REQUEST if member in job.members})
        plan = _Plan(job, request, task_type_of_request(request), is_finished, self._labels_uri(job))
        if status in {JobStatus.STOPPED, JobStatus.FAILED} and not is_finished and not self._manner.continue_stopped:
            yield from self._files_only(
                plan, f"it was {status} at Amazon. --continue-stopped makes a job for the rest."
            )
            return
        yield from self._made(plan)

    def _made(self, plan: _Plan) -> Iterator[Entry]:
        self._prepare(plan)
        yield from self._team(plan)
        problems = check_request(plan.request, Surroundings(region=self._source.region))
        if problems:
            raise InvalidRequestError(problems)
        yield from self._files(plan)
        labeled, rest = self._write_manifest(plan)
        if not labeled and plan.is_finished:
            plan.notes.insert(0, "No job was made: it has no labels.")
            yield from self._data(plan)
            yield Entry("files of a job", plan.job.name, Outcome.MADE, tuple(plan.notes))
            return
        self._fit_to_rest(plan, labeled, rest)
        yield from self._data(plan)
        if not self._manner.dry_run:
            self._create(plan)
        if plan.is_finished and not self._manner.dry_run:
            self._settling.append(plan)
        else:
            yield Entry("labeling job", plan.job.name, Outcome.MADE, tuple(plan.notes))

    def _present(self, job: JobDescription, present: JobDescription) -> Iterator[Entry]:
        """Report a job that the service has; end what an earlier run did not."""
        if present.tags.get(SOURCE_TAG) != job.arn:
            raise MovingError(
                "The service has another labeling job of this name, and jobs can't be renamed or deleted. Bring it to "
                "a service with an empty data directory."
            )
        notes: tuple[str, ...] = ()
        if present.tags.get(AS_TAG) == _RUNNING:
            notes = (f"It is {present.status} here.",)
            if job.state.modified > present.state.created:
                notes += ("It has changed at Amazon since it was brought: labels made there since are not here.",)
        elif not self._manner.dry_run:
            request = dict(present.members)
            plan = _Plan(job, request, task_type_of_request(request), True, job.output_manifest_uri)
            entry = self._settled(plan)
            if entry.outcome == Outcome.REFUSED:
                yield entry
                return
        yield Entry("labeling job", job.name, Outcome.THERE, notes)

    def _labels_uri(self, job: JobDescription) -> str | None:
        """URI of the manifest with the labels so far, which is the input manifest while there are none; None if a
        streaming job has neither.

        :raises LabelingError: if it can't be read.
        """
        output, given, read = job.output_manifest_uri, job.manifest_uri, self._source.objects.read_chunks
        try:
            next(read(output), None)
        except LabelingError as error:
            if error_code(error) not in _GONE or _is_finished(job):
                raise
            if given is not None:
                next(read(given), None)
            return given
        return output

    def _prepare(self, plan: _Plan) -> None:
        """Make the request one that the service understands."""
        request, notes = plan.request, plan.notes
        tags = {key: value for key, value in plan.job.tags.items() if not key.startswith("aws:")}
        if len(tags) < len(plan.job.tags):
            notes.append("Tags that begin with aws: are Amazon's own and were left out.")
        tags |= {SOURCE_TAG: plan.job.arn, AS_TAG: _FINISHED if plan.is_finished else _RUNNING}
        if len(tags) > MAX_TAGS:
            raise MovingError(f"With two tags of the import it has more than {MAX_TAGS}: remove some at the source.")
        request["Tags"] = [{"Key": key, "Value": value} for key, value in tags.items()]
        output = request["OutputConfig"]
        if not self._copies.is_needed:
            output["S3OutputPath"] = join_s3_uri(as_s3_uri(output["S3OutputPath"]), OWN_FOLDER)
        source = request["InputConfig"]["DataSource"]
        if plan.labels_uri:
            source["S3DataSource"] = {"ManifestS3Uri": plan.manifest_uri}
        if plan.is_finished:
            self._retire(plan)
            return
        if plan.job.state.status in {JobStatus.IN_PROGRESS, JobStatus.INITIALIZING}:
            notes.append("It still runs at Amazon: stop it there, or its objects are labeled twice.")
        self._check_functions(plan)
        self._stream(plan)

    @staticmethod
    def _retire(plan: _Plan) -> None:
        """Leave out what concerns only work to come."""
        request, human, left = plan.request, plan.request["HumanTaskConfig"], []
        for holder, member in (
            (request["InputConfig"]["DataSource"], "SnsDataSource"),
            (request["OutputConfig"], "SnsTopicArn"),
        ):
            if holder.pop(member, None):
                left.append(member)
        for member in ("StoppingConditions", "LabelingJobAlgorithmsConfig"):
            if request.pop(member, None):
                left.append(member)
        if not plan.task_type.function:
            for member in ("PreHumanTaskLambdaArn", "AnnotationConsolidationConfig"):
                if human.pop(member, None):
                    left.append(member)
        if left:
            plan.notes.append(f"Nobody works on it any more, so it is without {', '.join(left)}.")

    def _check_functions(self, plan: _Plan) -> None:
        """:raises MovingError: if the service is known not to know a function of the job."""
        human = plan.request["HumanTaskConfig"]
        consolidation = human.get("AnnotationConsolidationConfig", {}).get("AnnotationConsolidationLambdaArn")
        for arn in (human.get("PreHumanTaskLambdaArn"), consolidation):
            if not arn or plan.task_type.function or ready_function(arn):
                continue
            plan.needs_functions = True
            known = self._manner.functions
            if known is None:
                plan.notes.append(f"The service must know the function {arn}.")
            elif arn not in known:
                raise MovingError(
                    f"The service does not know the function {arn}: say what takes its place with --function "
                    f"{arn}=MODULE:CALLABLE, start the service again with that workforce file, and run this again."
                )

    def _stream(self, plan: _Plan) -> None:
        """Give a streaming job topics of the service."""
        source, output = plan.request["InputConfig"]["DataSource"], plan.request["OutputConfig"]
        for holder, member in ((source.get("SnsDataSource", {}), "SnsTopicArn"), (output, "SnsTopicArn")):
            arn = holder.get(member)
            if not arn:
                continue
            name, sns = Arn.parse(arn).resource, self._target.client("sns")
            if self._manner.dry_run:
                plan.notes.append(f"Its topic {name} is made, too.")
                continue
            made = answer_to(
                lambda: sns.create_topic(Name=name),  # noqa: B023 - called at once
                f"Creating the topic {name}",
                outage=self._target.outage,
            )
            holder[member] = made["TopicArn"]
            plan.notes.append(f"Its topic {name} is {made['TopicArn']} here.")
        if plan.job.is_streaming:
            plan.notes.append("Objects that wait in its queue at Amazon stay there: send them again.")

    def _team(self, plan: _Plan) -> Iterator[Entry]:
        """Put the service's workteam into the request.

        :raises MovingError: if it is not said who works in place of one that can't be brought.
        """
        human, kind = plan.request["HumanTaskConfig"], plan.job.workforce_kind
        arn = human["WorkteamArn"]
        name, why = arn.rpartition("/")[2], f"The {kind} workteam {arn} can't work here."
        given = self._manner.workteams.get(arn) or self._manner.workteams.get(name)
        if given is None and kind == "private":
            try:
                yield from self._teams.bring(name)
                human["WorkteamArn"], kind = self._teams.arn(name), "brought"
            except MovingError as error:
                if is_outage(error):
                    raise
                why = str(error)
        if given is None and kind != "brought" and not plan.is_finished:
            raise MovingError(f"{why} Say who of the service takes its place: --workteam {arn}=NAME.")
        if given is not None or kind not in {"brought", "public"}:
            human["WorkteamArn"] = self._teams.existing(given or PEOPLE)
            plan.notes.append(f"Its workteam is {given or PEOPLE} here.")
        if ":workteam/public-crowd/" not in human["WorkteamArn"] and human.pop("PublicWorkforceTaskPrice", None):
            plan.notes.append("Only the public workforce has a price, so it is without PublicWorkforceTaskPrice.")

    def _fit_to_rest(self, plan: _Plan, labeled: int, rest: int) -> None:
        """Adjust what depends on how many objects are left."""
        request, notes = plan.request, plan.notes
        if plan.is_finished:
            if rest:
                notes.append(f"Objects without a label: {rest:,}. Its output manifest has them; nobody is asked.")
            return
        notes.append(f"Objects with a label: {labeled:,}; left to label: {rest:,}.")
        if plan.job.is_streaming and not labeled + rest:
            request["InputConfig"]["DataSource"].pop("S3DataSource", None)
        if automated := request.get("LabelingJobAlgorithmsConfig"):
            if rest < Quota.AUTOMATED_MINIMUM_OBJECTS:
                del request["LabelingJobAlgorithmsConfig"]
                notes.append("The latter are too few for automated labeling, so people label them.")
            elif automated.pop("InitialActiveLearningModelArn", None):
                notes.append("Automated labeling starts without Amazon's model.")
        conditions = request.get("StoppingConditions", {})
        if wanted := conditions.get("MaxHumanLabeledObjectCount"):
            conditions["MaxHumanLabeledObjectCount"] = max(wanted - plan.job.state.human_labeled, 1)

    def _create(self, plan: _Plan) -> None:
        """:raises LabelingError: if the service refuses the job, or has another one of its name by now."""
        try:
            made = self._target.create_job(plan.request)
        except LabelingError as error:
            if plan.needs_functions and error_code(error) == "ValidationException":
                again = "Once its functions are in the workforce file, start the service again and run this again."
                raise MovingError(f"{error} {again}") from error.__cause__
            raise
        if made.tags.get(SOURCE_TAG) != plan.job.arn:
            raise MovingError("Somebody has made another labeling job of this name in this moment.")

    def _settled(self, plan: _Plan) -> Entry:
        """Wait until the service has taken in a finished job, and give it Amazon's output manifest.

        The service has written one with the labeled lines only.
        """
        name, until = plan.job.name, time.monotonic() + MAX_SETTLE_SECONDS
        try:
            while not (here := self._target.job(name)).state.has_ended:
                if time.monotonic() > until:
                    raise MovingError("The service has not taken it in within 10 minutes. Run this again.")
                time.sleep(_PAUSE)
            if here.status != JobStatus.COMPLETED:
                raise MovingError(
                    f"It is {here.status} here: {here.state.reason or 'the log of the service tells why'}"
                )
            self._copies.copy(plan.job.output_manifest_uri, overwrite=True, to=output_manifest_uri(plan.output))
        except LabelingError as error:
            return Entry("labeling job", name, Outcome.REFUSED, (str(error),))
        return Entry("labeling job", name, Outcome.MADE, tuple(plan.notes))

    # Files

    def _files_only(self, plan: _Plan, why: str) -> Iterator[Entry]:
        tally = yield from self._files(plan)
        if self._manner.data == Data.ALL:
            yield from self._data(plan)
        outcome = Outcome.MADE if tally.copied else Outcome.THERE
        yield Entry("files of a job", plan.job.name, outcome, (f"No job was made: {why}", *plan.notes))

    def _files(self, plan: _Plan) -> Generator[Entry, None, Copied]:
        """Copy the files of a job: manifest, label categories, worker template, and all of its output.

        :return: how many were copied.
        :raises LabelingError: if one that the job needs can't be copied.
        """
        tally, job = Copied(), plan.job
        if not self._copies.is_needed:
            return tally
        for uri in filter(None, (job.category_uri, job.template_uri, job.manifest_uri)):
            try:
                tally.add(Copied(copied=1) if self._copies.copy(uri) else Copied(there=1))
            except LabelingError as error:
                # Its lines are in the output manifest, too.
                if uri in {job.category_uri, job.template_uri, plan.labels_uri} or error_code(error) not in _GONE:
                    raise
                plan.notes.append(f"{uri} is gone. All of its lines are in the output manifest.")
        tally.add(self._copies.copy_all(list_uris(self._source.objects, f"{job.output_uri}/")))
        yield from _not_copied(tally, f"output of {job.name}")
        return tally

    def _lines(self, plan: _Plan) -> Iterator[tuple[dict[str, Any], bytes]]:
        """The lines of the source's manifest, parsed and as the new job's input.

        :raises LabelingError: if it can't be read.
        """
        attribute = plan.job.label_attribute
        if plan.labels_uri is None:
            return
        for number, raw in enumerate(self._source.objects.read_lines(plan.labels_uri), 1):
            try:
                line = parse_line(raw, half_surrogates=True)
            except ValueError as error:
                raise ManifestError(plan.labels_uri, [LineProblem(number, 0, str(error))]) from None
            if attribute not in line and line.pop(f"{attribute}-metadata", None) is not None:
                # The reason why there was no label the last time.
                yield line, written(line)
            else:
                yield line, raw if raw.endswith(b"\n") else raw + b"\n"

    def _write_manifest(self, plan: _Plan) -> tuple[int, int]:
        """Write the new job's input manifest.

        :return: how many of the source's lines have a label, and how many have none.
        """
        labeled = rest = 0

        def pieces() -> Iterator[bytes]:
            nonlocal labeled, rest
            for line, raw in self._lines(plan):
                if plan.job.label_attribute in line:
                    labeled += 1
                else:
                    rest += 1
                    if plan.is_finished:
                        continue
                yield raw

        if self._manner.dry_run or plan.labels_uri is None:
            for _ in pieces():
                pass
        else:
            self._copies.make_bucket(plan.manifest_uri)
            with self._target.objects.writer(plan.manifest_uri) as upload:
                for piece in pieces():
                    upload.write(piece)
        return labeled, rest

    def _data(self, plan: _Plan) -> Iterator[Entry]:
        """Copy the data objects that workers will look at, or all."""
        data = self._manner.data
        if data == Data.NONE or not self._copies.is_needed or (data == Data.OPEN and plan.is_finished):
            return

        manifest, read, problems = plan.labels_uri or "", self._source.objects.read, list[tuple[str, str]]()

        def uris() -> Iterator[str]:
            for line, _ in self._lines(plan):
                if data != Data.ALL and plan.job.label_attribute in line:
                    continue
                try:
                    yield from files_of_line(line, plan.task_type, read, manifest)
                except SequenceError as error:
                    problems.append((error.where, str(error)))
                except LabelingError as error:
                    # That it is not there is told when it is copied.
                    if error_code(error) not in _GONE:
                        raise

        tally = self._copies.copy_all(uris())
        tally.add(Copied(problems=problems))
        done = "to copy" if self._manner.dry_run else "copied"
        plan.notes.append(f"Data objects: {tally.copied:,} {done}, {tally.there:,} already there.")
        yield from _not_copied(tally, f"data of {plan.job.name}")


def _check_credentials(where: GroundTruth) -> None:
    """Missing or expired credentials are not waited for, because somebody waits for the command.

    :raises MovingError: if they are.
    """
    try:
        where.sagemaker.list_labeling_jobs(MaxResults=1)
    except (BotoCoreError, ClientError, OSError) as error:
        if is_credentials_trouble(error):
            raise MovingError(f"{where.endpoint_url}: {error}") from None


def _is_finished(job: JobDescription) -> bool:
    return job.state.status == JobStatus.COMPLETED or job.was_stopped_as_asked


def _filled(value: Any) -> Any:
    """A copy of a described structure without its empty members, which a request must not have."""
    if isinstance(value, Mapping):
        filled = {name: _filled(member) for name, member in value.items()}
        return {name: member for name, member in filled.items() if member not in (None, "", [], {})}
    return [_filled(item) for item in value] if isinstance(value, list) else value


def _not_copied(tally: Copied, what: str) -> Iterator[Entry]:
    for uri, reason in tally.problems:
        yield Entry("object", uri, Outcome.REFUSED, (reason,))
    if tally.more_problems:
        reason = f"and {tally.more_problems:,} more like these"
        yield Entry("object", what, Outcome.REFUSED, (reason,))
