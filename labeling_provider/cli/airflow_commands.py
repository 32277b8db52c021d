"""``airflow labeling …``: labeling jobs, manifests and costs on the command line, without a Dag."""

from __future__ import annotations

import json
import sys
from functools import partial
from itertools import islice
from typing import TYPE_CHECKING, Any, TextIO

from labeling_provider.errors import counted, printable

if TYPE_CHECKING:
    from argparse import Namespace


def get_labeling_commands() -> list[Any]:
    """The commands for Airflow's command line."""
    from airflow.cli import cli_config
    from airflow.cli.cli_config import ActionCommand, GroupCommand, lazy_load_command

    argument: Any = cli_config.Arg
    connection = argument(("--aws-conn-id",), help="Airflow connection", default="aws_default")
    region = argument(("--region",), help="region; by default the connection's")
    prefix = f"{__name__}."
    commands = (
        ActionCommand(
            name="list",
            help="List labeling jobs, newest first",
            func=lazy_load_command(f"{prefix}list_jobs"),
            args=(
                argument(("--status",), help="only jobs with this status, such as InProgress"),
                argument(("--name",), help="only jobs whose name contains this"),
                argument(("--limit",), help="largest number of jobs", type=int, default=50),
                connection,
                region,
            ),
        ),
        ActionCommand(
            name="describe",
            help="Show everything about a labeling job, as JSON",
            func=lazy_load_command(f"{prefix}describe_job"),
            args=(argument(("job_name",), help="name of the job"), connection, region),
        ),
        ActionCommand(
            name="validate-manifest",
            help="Check every line of a manifest; fails if any line is wrong",
            func=lazy_load_command(f"{prefix}validate_manifest"),
            args=(
                argument(("manifest",), help="path or s3:// URI"),
                argument(("--label-attribute",), help="count this label, and check its metadata"),
                connection,
                region,
            ),
        ),
        ActionCommand(
            name="estimate-cost",
            help="Estimate what a labeling job would cost on Amazon, in USD",
            func=lazy_load_command(f"{prefix}estimate_job_cost"),
            args=(
                argument(("objects",), help="number of objects to label", type=int),
                argument(("--workers",), help="number of workers per object", type=int, default=1),
                argument(("--price",), help="USD per worker and object; 0 for your own people", default="0"),
                argument(("--automated",), help="with automated labeling", action="store_true"),
            ),
        ),
    )
    return [GroupCommand(name="labeling", help="SageMaker Ground Truth labeling jobs", subcommands=commands)]


def list_jobs(args: Namespace) -> None:
    """Print a line for each job: status, counters, creation time, name."""
    from labeling_provider.client.list_pages import pages
    from labeling_provider.groundtruth.description import listed_jobs

    request: dict[str, Any] = {"MaxResults": min(args.limit, 100), "SortBy": "CreationTime", "SortOrder": "Descending"}
    if args.status:
        request["StatusEquals"] = args.status
    if args.name:
        request["NameContains"] = args.name
    answers = pages(partial(_answered, args, "list_labeling_jobs"), **request)
    for job in islice((job for answer in answers for job in listed_jobs(answer)), max(args.limit, 0)):
        created = job.created.isoformat(timespec="seconds")
        progress = f"{job.labeled:,}/{job.total:,}"
        _say(f"{job.status:12} {progress:>15} {created} {job.name}")


def describe_job(args: Namespace) -> None:
    """Print the response of DescribeLabelingJob."""
    description = _answered(args, "describe_labeling_job", LabelingJobName=args.job_name)
    description.pop("ResponseMetadata", None)
    _say(json.dumps(description, indent=2, default=str, ensure_ascii=False), keep="\n")


def validate_manifest(args: Namespace) -> None:
    """Print what a manifest contains, and what is wrong with it."""
    from labeling_provider.errors import LabelingError
    from labeling_provider.manifest import Manifests

    store = _hook(args) if args.manifest.startswith("s3://") else None
    try:
        report = Manifests(store).check(args.manifest, label_attribute=args.label_attribute)
    except LabelingError as error:
        raise SystemExit(str(error)) from None
    lines = counted(report.lines, "line")
    _say(f"{lines}, {report.labeled:,} labeled, {report.failed:,} failed, {report.unlabeled:,} to label")
    for name, count in report.classes.items():
        _say(f"  {count:,} {name}")
    for problem in report.problems:
        _say(str(problem), file=sys.stderr)
    if report.problems:
        more = f" and {report.more_problems:,} more" if report.more_problems else ""
        raise SystemExit(f"{counted(len(report.problems), 'wrong line')}{more}")


def estimate_job_cost(args: Namespace) -> None:
    """Print an estimate with its arithmetic."""
    from labeling_provider.request import estimate_cost

    try:
        _say(f"On Amazon: {estimate_cost(args.objects, args.workers, args.price, automated=args.automated)}")
    except ArithmeticError:
        raise SystemExit(f"--price {args.price!r} is not an amount") from None


def _say(text: str, keep: str = "", file: TextIO | None = None) -> None:
    """Print a string that may contain data from outside, safely for terminals and in any encoding.

    :param keep: characters to leave unescaped.
    """
    out = file or sys.stdout
    encoding = getattr(out, "encoding", None) or "utf-8"
    print(printable(text, keep).encode(encoding, "backslashreplace").decode(encoding), file=out)


def _hook(args: Namespace) -> Any:
    from labeling_provider.hooks.labeling import LabelingHook

    return LabelingHook(aws_conn_id=args.aws_conn_id, region_name=args.region)


def _answered(args: Namespace, operation: str, **request: Any) -> dict[str, Any]:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        answer: dict[str, Any] = getattr(_hook(args).sagemaker, operation)(**request)
    except (BotoCoreError, ClientError) as error:
        raise SystemExit(printable(str(error), keep="\n")) from None
    return answer
