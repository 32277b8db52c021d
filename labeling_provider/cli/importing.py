"""``labeling import``: brings labeling jobs, with what belongs to them, from Amazon to a service of one's own."""

from __future__ import annotations

import argparse
import json
import os
import re
import sys
from collections import Counter
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from labeling_provider.cli.asking import KEYS
from labeling_provider.cli.import_ends import (
    ImportingError,
    check_keys,
    endpoint_of_target,
    source_of,
    target_of,
)
from labeling_provider.errors import LabelingError, printable
from labeling_provider.groundtruth.facts import Arn
from labeling_provider.groundtruth.job import STATUSES

if TYPE_CHECKING:
    from labeling_provider.jobs.moving_parts import Entry, Outcome

_DATA: Final = ("open", "all", "none")
_MAX_WORKFORCE_BYTES: Final = 10 << 20
_CALLABLE: Final = re.compile(r"\w+(\.\w+)*:\w+")


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="labeling import",
        description="Import labeling jobs, with their manifests, labels, templates, workteams and people, into the "
        "self-hosted service. Nothing changes at Amazon. Run it as often as you like: nothing is created twice. If "
        f"the service demands credentials, set {' and '.join(KEYS)}.",
    )
    source = options.add_argument_group("where from")
    origin = source.add_mutually_exclusive_group(required=True)
    origin.add_argument("--from-amazon", action="store_true", help="from Amazon SageMaker Ground Truth")
    origin.add_argument("--from-endpoint", metavar="URL", help="from another self-hosted service")
    source.add_argument("--aws-conn-id", metavar="ID", help="with the credentials of this Airflow connection")
    source.add_argument(
        "--profile",
        help="the profile whose credentials to use; by default those that boto3 finds for Amazon, and placeholders for "
        "another service",
    )
    source.add_argument("--region", help="region of the jobs; by default as boto3 finds it")
    target = options.add_argument_group("where to")
    target.add_argument(
        "--endpoint-url", metavar="URL", help="where the service is, http://host:port (default: AWS_ENDPOINT_URL)"
    )
    target.add_argument(
        "--to-aws-conn-id",
        metavar="ID",
        help="an Airflow connection to the service; an address that is given as well takes the place of its own",
    )
    target.add_argument(
        "--s3-endpoint-url",
        metavar="URL",
        help="where its S3 is, if it was started with --s3-endpoint; boto3 finds the credentials as usual, or they are "
        "those of --to-aws-conn-id",
    )
    selection = options.add_argument_group("which jobs (by default all, with all workteams and worker templates)")
    selection.add_argument("jobs", nargs="*", metavar="JOB", help="names of jobs")
    selection.add_argument("--name", action="append", default=[], metavar="PATTERN", help="jobs named like birds-*")
    selection.add_argument(
        "--status", action="append", default=[], choices=sorted(STATUSES), help="jobs with this status"
    )
    selection.add_argument(
        "--created-after", type=_time, metavar="DATE", help="jobs created after 2025-12-31 or 2025-12-31T18:00:00+01:00"
    )
    how = options.add_argument_group("how")
    how.add_argument("--dry-run", action="store_true", help="say what would be created, and create nothing")
    how.add_argument(
        "--copy-data",
        choices=_DATA,
        default="open",
        help="which data objects to copy, such as pictures: those still to label (open, the default), all, or none",
    )
    how.add_argument(
        "--workteam",
        action="append",
        default=[],
        type=_pair,
        metavar="AMAZON=OURS",
        help="replace a workteam: its ARN or name at Amazon, and the name of a workteam of the service; "
        "may be given several times",
    )
    how.add_argument(
        "--function",
        action="append",
        default=[],
        type=_function,
        metavar="ARN=MODULE:CALLABLE",
        help="replace a Lambda function; the replacement is written to the --workforce file; may be given "
        "several times",
    )
    how.add_argument(
        "--workforce", type=Path, metavar="FILE", help="the workforce file with which the service is started"
    )
    how.add_argument(
        "--continue-stopped",
        action="store_true",
        help="create jobs for the objects that stopped or failed jobs have left unlabeled",
    )
    how.add_argument(
        "--outage", type=float, default=300, help="give up after so many seconds without any answer (%(default)s)"
    )
    return options


def main(arguments: Sequence[str]) -> int:
    """Import the jobs, and print a table of what was created, what was already there and what can't be imported.

    :return: 0 if everything is there now, 1 if something can't be imported, 2 if the import was given up.
    """
    options = parser()
    chosen = options.parse_args(arguments)
    if not (endpoint_of_target(chosen) or chosen.to_aws_conn_id):
        options.error("--endpoint-url is missing, and AWS_ENDPOINT_URL is not set")
    if chosen.function and not chosen.workforce:
        options.error("--function needs --workforce FILE")
    if chosen.profile and chosen.aws_conn_id:
        options.error("give either --profile or --aws-conn-id")
    entries: list[Entry] = []
    try:
        _run(chosen, entries)
    except LabelingError as error:
        if entries:
            _tell(entries, dry_run=chosen.dry_run)
        print(f"labeling import: {error}", file=sys.stderr)
        return 2
    return _tell(entries, dry_run=chosen.dry_run)


def _run(chosen: argparse.Namespace, entries: list[Entry]) -> None:
    """Import what is chosen, and note what became of it.

    :raises LabelingError: if nothing can be imported at all, or one side no longer answers.
    """
    from botocore.exceptions import BotoCoreError, NoRegionError

    from labeling_provider.jobs.moving import JobMove
    from labeling_provider.jobs.moving_choice import Data, JobChoice, Manner

    document = None if chosen.workforce is None else _workforce(chosen.workforce, dict(chosen.function))
    choice = JobChoice(
        names=tuple(chosen.jobs),
        patterns=tuple(chosen.name),
        statuses=tuple(chosen.status),
        created_after=chosen.created_after,
    )
    manner = Manner(
        data=Data(chosen.copy_data),
        workteams=dict(chosen.workteam),
        functions=None if document is None else frozenset(document["functions"]),
        continue_stopped=chosen.continue_stopped,
        dry_run=chosen.dry_run,
    )
    try:
        source = source_of(chosen)
        target = target_of(chosen, source.ground_truth.region)
        check_keys(source, target)
        move = JobMove(source.ground_truth, target.ground_truth, manner)
        move.check()
        if chosen.function and not chosen.dry_run:
            _write_workforce(chosen.workforce, document)
        for entry in move.run(choice):
            word = _word(entry.outcome, dry_run=chosen.dry_run)
            print(_printable(f"{entry.kind} {entry.name}: {word}"), file=sys.stderr, flush=True)
            entries.append(entry)
    except NoRegionError:
        raise ImportingError("The region of the jobs is not known. Name it with --region.") from None
    except BotoCoreError as error:
        raise ImportingError(str(error)) from None


def _workforce(path: Path, functions: dict[str, str]) -> dict[str, Any]:
    """The content of the workforce file, with the functions of the command line.

    :raises ImportingError: if it can't be read.
    """
    try:
        if path.exists() and path.stat().st_size > _MAX_WORKFORCE_BYTES:
            raise ImportingError(f"{path} is larger than {_MAX_WORKFORCE_BYTES:,} bytes.")
        document = json.loads(path.read_text(encoding="utf-8")) if path.exists() else {}
        known = dict(document.get("functions", {}))
        for arn, handler in functions.items():
            # Only the handler: a known function may have a time limit.
            known[arn] = {**known[arn], "handler": handler} if isinstance(known.get(arn), dict) else handler
    except OSError as error:
        raise ImportingError(f"{path}: {error.strerror}") from None
    except (ValueError, TypeError, AttributeError, RecursionError) as error:
        raise ImportingError(f"{path} is not a workforce file: {error}") from None
    return {**document, "functions": known}


def _write_workforce(path: Path, document: dict[str, Any] | None) -> None:
    """:raises ImportingError: if it can't be written."""
    part = path.with_name(f"{path.name}.{os.getpid()}.part")
    try:
        part.write_text(json.dumps(document, indent=1, ensure_ascii=False) + "\n", encoding="utf-8")
        part.replace(path)
    except OSError as error:
        raise ImportingError(f"{path}: {error.strerror}") from None


def _tell(entries: list[Entry], *, dry_run: bool) -> int:
    from labeling_provider.jobs.moving_parts import Outcome

    counts = Counter(entry.outcome for entry in entries)
    for outcome in Outcome:
        for entry in entries:
            if entry.outcome == outcome:
                print(_line(entry, dry_run=dry_run))
    words = [f"{counts[outcome]:,} {_word(outcome, dry_run=dry_run)}" for outcome in Outcome if counts[outcome]]
    print(", ".join(words) or "Nothing was imported.")
    return 1 if counts[Outcome.REFUSED] else 0


def _line(entry: Entry, *, dry_run: bool) -> str:
    notes = " ".join(" ".join(entry.notes).split())
    return _printable(f"{_word(entry.outcome, dry_run=dry_run):13} {entry.kind:15} {entry.name}  {notes}".rstrip())


def _printable(text: str) -> str:
    encoding = sys.stdout.encoding or "utf-8"
    return printable(text).encode(encoding, "backslashreplace").decode(encoding)


def _word(outcome: Outcome, *, dry_run: bool) -> str:
    return "would be made" if dry_run and outcome == outcome.MADE else str(outcome)


def _pair(text: str) -> tuple[str, str]:
    name, equals, replacement = text.rpartition("=")
    if not (name and equals and replacement):
        raise argparse.ArgumentTypeError(f"{text!r} has no '=' between two names")
    return name, replacement


def _function(text: str) -> tuple[str, str]:
    arn, target = _pair(text)
    try:
        is_function = Arn.parse(arn).service == "lambda"
    except ValueError:
        is_function = False
    if not is_function:
        raise argparse.ArgumentTypeError(f"{arn!r} is not the ARN of a Lambda function")
    if not _CALLABLE.fullmatch(target):
        raise argparse.ArgumentTypeError(f"{target!r} is not like my_package.functions:pre")
    return arn, target


def _time(text: str) -> datetime:
    try:
        time = datetime.fromisoformat(text)
    except ValueError:
        raise argparse.ArgumentTypeError(f"{text!r} is not a date such as 2025-12-31") from None
    return time if time.tzinfo else time.replace(tzinfo=UTC)
