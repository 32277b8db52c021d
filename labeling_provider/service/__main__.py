"""``labeling local``: start the local Ground Truth service."""

from __future__ import annotations

import argparse
import fcntl
import logging
import math
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from urllib.parse import urlsplit

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.service.errors import StartError


def parser() -> argparse.ArgumentParser:
    """The command line."""
    options = argparse.ArgumentParser(
        prog="labeling local",
        description="Run a Ground Truth service on this machine: SageMaker's labeling operations, S3, SNS, SQS, IAM "
        "and STS on one endpoint. When it is ready it prints one line of JSON with endpoint_url, region, account_id, "
        "role_arn and workteams (name to ARN), and then serves until it is stopped.",
    )
    options.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default %(default)s). On an address that other machines reach, the service starts "
        "only with LABELING_LOCAL_ACCESS_KEY_ID and LABELING_LOCAL_SECRET_ACCESS_KEY set, and then takes only "
        "requests signed with them.",
    )
    options.add_argument("--port", type=int, default=0, help="port to listen on; 0 takes a free one (default)")
    options.add_argument(
        "--data-dir",
        type=Path,
        help="folder that holds all state, made if missing; without it the state is gone when the service ends",
    )
    options.add_argument(
        "--database-url",
        help="SQLAlchemy URL of the database to use in place of SQLite in the data directory",
    )
    options.add_argument(
        "--shared",
        action="store_true",
        help="let other services use the same database at the same time, which must be PostgreSQL; objects must be in "
        "a real S3 then. Topics, queues and streaming jobs are in one of the services at a time; when it ends, "
        "another one takes them over.",
    )
    options.add_argument(
        "--s3-endpoint",
        metavar="URL",
        help="use the S3 service at this URL, with credentials as boto3 finds them, in place of the embedded one",
    )
    options.add_argument("--region", default="us-east-1", help="region to be (default %(default)s)")
    options.add_argument(
        "--truth",
        metavar="FILE_OR_S3_URI",
        action="append",
        default=[],
        help='what simulated workers answer from: JSON Lines of {"source" or "source-ref": …, "truth": …}; may be '
        "given more than once",
    )
    options.add_argument("--workforce", type=Path, metavar="FILE", help="JSON file of simulated workers and functions")
    options.add_argument("--seed", type=int, default=0, help="seed of the simulated workers (default %(default)s)")
    options.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="how many times faster than real time tasks, time limits and lifetimes pass (default %(default)s)",
    )
    options.add_argument(
        "--minimum-automated",
        type=int,
        metavar="OBJECTS",
        default=Quota.AUTOMATED_MINIMUM_OBJECTS,
        help="jobs with automated labeling fail below this many objects (default %(default)s, as on Amazon)",
    )
    options.add_argument(
        "--log-level",
        default="WARNING",
        type=str.upper,
        choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        help="log level, on standard error (default %(default)s)",
    )
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the service until it is stopped.

    :return: the exit status.
    """
    chosen = parser().parse_args(arguments)
    logging.basicConfig(level=chosen.log_level, format="%(asctime)s %(levelname)s %(name)s: %(message)s")
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        _check(chosen)
        with _folder(chosen.data_dir) as folder:
            _serve(chosen, folder)
    except LabelingError as error:
        print(f"labeling local: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


def _check(chosen: argparse.Namespace) -> None:
    """Look at the options that can be judged by themselves.

    :raises StartError: if one can't be followed.
    """
    from labeling_provider.groundtruth.facts import LAMBDA_ACCOUNTS
    from labeling_provider.service.web.origins import is_loopback
    from labeling_provider.service.web.signatures import Credentials

    if not is_loopback(chosen.host) and Credentials.from_environment() is None:
        raise StartError(
            f"--host {chosen.host} can be reached from other machines: set LABELING_LOCAL_ACCESS_KEY_ID and "
            "LABELING_LOCAL_SECRET_ACCESS_KEY first, or listen on 127.0.0.1"
        )
    if chosen.region not in LAMBDA_ACCOUNTS:
        raise StartError(f"--region {chosen.region} has no Ground Truth; use one of {', '.join(LAMBDA_ACCOUNTS)}")
    if not 0 <= chosen.port <= 65_535:
        raise StartError(f"--port {chosen.port} is no port; use 1 to 65535, or 0 for a free one")
    if not (chosen.speed > 0 and math.isfinite(chosen.speed)):
        raise StartError(f"--speed {chosen.speed} must be a number greater than 0")
    if chosen.minimum_automated < 0:
        raise StartError(f"--minimum-automated {chosen.minimum_automated} is no number of objects")
    if chosen.shared and not (str(chosen.database_url).startswith("postgresql") and chosen.s3_endpoint):
        raise StartError("--shared needs --database-url postgresql+psycopg://… and --s3-endpoint")
    if chosen.s3_endpoint is not None and not _is_address(chosen.s3_endpoint):
        raise StartError(f"--s3-endpoint {chosen.s3_endpoint!r} is no address such as https://s3.example.com")


def _is_address(url: str) -> bool:
    """Whether this is the address of an HTTP service."""
    try:
        parts = urlsplit(url)
        return parts.scheme in {"http", "https"} and bool(parts.hostname) and parts.port != 0
    except ValueError:
        return False


def _serve(chosen: argparse.Namespace, folder: Path) -> None:
    from labeling_provider.service.app import Settings, serve

    serve(
        Settings(
            host=chosen.host,
            port=chosen.port,
            region=chosen.region,
            database_url=chosen.database_url or f"sqlite:///{folder / 'labeling.sqlite'}",
            shared=chosen.shared,
            s3_endpoint=chosen.s3_endpoint,
            truth=chosen.truth,
            workforce=chosen.workforce,
            seed=chosen.seed,
            speed=chosen.speed,
            minimum_automated=chosen.minimum_automated,
            temporary=None if chosen.data_dir else folder,
        )
    )


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """The data directory, for this process alone."""
    if given is None:
        with tempfile.TemporaryDirectory(prefix="labeling-local-") as folder:
            yield Path(folder)
        return
    try:
        given.mkdir(parents=True, exist_ok=True, mode=0o700)
        with (given / "lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
            yield given
    except BlockingIOError:
        raise StartError(f"--data-dir {given} is in use by another local service; choose another folder") from None
    except OSError as error:
        raise StartError(f"--data-dir {given}: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
