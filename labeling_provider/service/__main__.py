"""``labeling local``, ``labeling serve`` and ``labeling work``: start the service, or one part of it."""

from __future__ import annotations

import argparse
import fcntl
import ipaddress
import logging
import math
import os
import signal
import sys
import tempfile
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Final

from labeling_provider.errors import LabelingError
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.uris import is_web_address
from labeling_provider.service.database.pool_size import DATABASE_CONNECTIONS, MIN_DATABASE_CONNECTIONS
from labeling_provider.service.database.states import Role
from labeling_provider.service.failures import StartError
from labeling_provider.service.log_format import set_up_log
from labeling_provider.service.settings import (
    OptionParser,
    read_options,
    unknown_variables,
)

log = logging.getLogger(__name__)


_DESCRIPTIONS: Final = {
    "local": "Run a Ground Truth service on this machine: SageMaker's labeling operations, S3, SNS, SQS, IAM, STS, "
    "EventBridge and Cognito on one endpoint. Once ready, it prints one line of JSON with endpoint_url, region, "
    "account_id, role_arn, workteams (name to ARN) and pages_url, then serves until it is stopped.",
    "serve": "Run the API and the pages of a service that several processes share; start any number of these behind a "
    "load balancer. Labeling jobs are run by labeling work. The database is PostgreSQL, prepared by labeling database "
    "upgrade, and objects are in a real S3. Once ready, it prints one line of JSON, as labeling local does.",
    "work": "Run the labeling jobs of a service that several processes share; start any number of these. If one dies, "
    "the others take over its jobs. The options are those of labeling serve; --host and --port are for probes and "
    "metrics. Custom functions find the API where AWS_ENDPOINT_URL says. Once ready, it prints one line of JSON with "
    "probes_url.",
}


def parser(part: str = "local") -> OptionParser:
    """The command-line parser.

    :param part: which of the commands.
    """
    options = OptionParser(prog=f"labeling {part}", description=_DESCRIPTIONS[part])
    options.add_argument(
        "--settings",
        type=Path,
        metavar="FILE",
        help="TOML file of options, such as port = 8000. Each option may be in the environment as well: --data-dir is "
        "LABELING_LOCAL_DATA_DIR. The command line comes first, then the environment, then the file.",
    )
    options.add_argument(
        "--host",
        default="127.0.0.1",
        help="address to listen on (default %(default)s). If other machines can reach the address, the service starts "
        "only with LABELING_LOCAL_ACCESS_KEY_ID and LABELING_LOCAL_SECRET_ACCESS_KEY set, and accepts only requests "
        "signed with them.",
    )
    options.add_argument(
        "--tls-certificate",
        type=Path,
        metavar="FILE",
        help="serve HTTPS with the certificate in this file (PEM, with any intermediate certificates); --host should "
        "then be the name in it",
    )
    options.add_argument("--tls-key", type=Path, metavar="FILE", help="the certificate's key (PEM, not encrypted)")
    options.add_argument(
        "--trusted-proxy",
        metavar="ADDRESS",
        action="append",
        default=[],
        help="address or network of a proxy whose X-Forwarded-For and X-Forwarded-Proto say where requests come from; "
        "may be given more than once. The proxy must keep the Host header.",
    )
    for role, may in (
        (Role.REQUESTER, "have labeling jobs of their own"),
        (Role.ADMINISTRATOR, "see and do everything"),
    ):
        options.add_argument(
            f"--{role}-group",
            metavar="GROUP",
            action="append",
            default=[],
            help=f"group of the identity provider whose people may {may} at /_labeling; may be given more than once",
        )
    options.add_argument(
        "--requester-bucket",
        metavar="NAME",
        action="append",
        default=[],
        help="bucket that all people of these groups may use, such as one of a real S3; may be given more than once",
    )
    options.add_argument(
        "--own-key-days",
        type=float,
        default=90.0,
        metavar="DAYS",
        help="how long an API key is valid that one of these people creates (default %(default)s)",
    )
    options.add_argument(
        "--audit-days",
        type=float,
        default=365.0,
        metavar="DAYS",
        help="how long the audit trail is kept (default %(default)s)",
    )
    options.add_argument(
        "--keep-jobs-days",
        type=float,
        metavar="DAYS",
        help="delete labeling jobs this long after they have ended, with all their answers; labels in S3 stay "
        "(default: never)",
    )
    options.add_argument("--port", type=int, default=0, help="port to listen on; 0 picks a free one (default)")
    if part == "local":
        options.add_argument(
            "--data-dir",
            type=Path,
            help="folder for all state, created if missing; without it, state is lost when the service stops",
        )
    options.add_argument(
        "--database-url",
        help="SQLAlchemy URL of the database to use"
        + (" instead of SQLite in the data directory" if part == "local" else ": postgresql+psycopg://…"),
    )
    options.add_argument(
        "--database-connections",
        type=int,
        metavar="NUMBER",
        help="most connections to PostgreSQL that this process has at a time; all processes together must stay below "
        f"PostgreSQL's max_connections (default {DATABASE_CONNECTIONS})",
    )
    if part == "local":
        options.add_argument(
            "--shared",
            action="store_true",
            help="let several services use the same database at the same time. It must be PostgreSQL, and objects must "
            "be in a real S3. See also labeling serve and labeling work.",
        )
    options.add_argument(
        "--s3-endpoint",
        metavar="URL",
        help="use the S3 service at this URL instead of the embedded one; boto3 finds the credentials as usual",
    )
    options.add_argument(
        "--s3-public-endpoint",
        metavar="URL",
        help="where browsers and other machines reach that S3, if not at --s3-endpoint; links to pictures lead there. "
        "A proxy in front of it must keep the Host header.",
    )
    options.add_argument("--region", default="us-east-1", help="AWS region to emulate (default %(default)s)")
    options.add_argument(
        "--truth",
        metavar="FILE_OR_S3_URI",
        action="append",
        default=[],
        help='the right answers for simulated workers: JSON Lines of {"source" or "source-ref": …, "truth": …}; may '
        "be given more than once",
    )
    options.add_argument("--workforce", type=Path, metavar="FILE", help="JSON file of simulated workers and functions")
    options.add_argument(
        "--template-assets",
        type=Path,
        metavar="FILE",
        help='JSON file {"https://…": "path"}: files that stand in for those that worker templates load from other '
        "sites; without it templates load nothing from there",
    )
    options.add_argument("--seed", type=int, default=0, help="seed of the simulated workers (default %(default)s)")
    options.add_argument(
        "--speed",
        type=float,
        default=1.0,
        help="how many times faster than real time to run tasks, time limits and lifetimes (default %(default)s)",
    )
    options.add_argument(
        "--minimum-automated",
        type=int,
        metavar="OBJECTS",
        default=Quota.AUTOMATED_MINIMUM_OBJECTS,
        help="jobs with automated labeling fail with fewer objects than this (default %(default)s, as on Amazon)",
    )
    options.add_argument(
        "--log-level",
        default="WARNING",
        type=str.upper,
        choices=("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL"),
        help="log level; logs go to standard error (default %(default)s)",
    )
    options.add_argument(
        "--log-format",
        default="text",
        choices=("text", "json"),
        help="lines for people, or a JSON object per line with the ids of request and job (default %(default)s)",
    )
    return options


def main(arguments: Sequence[str] | None = None) -> int:
    """Run ``labeling local``: the whole service, until it is stopped.

    :return: the exit status.
    """
    return _run("local", arguments)


def serve(arguments: Sequence[str] | None = None) -> int:
    """Run ``labeling serve``: the API and the pages.

    :return: the exit status.
    """
    return _run("serve", arguments)


def work(arguments: Sequence[str] | None = None) -> int:
    """Run ``labeling work``: labeling jobs.

    :return: the exit status.
    """
    return _run("work", arguments)


def _run(part: str, arguments: Sequence[str] | None) -> int:
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(0))
    try:
        options = read_options(parser(part), arguments, os.environ)
        options.part = part
        if part != "local":
            options.shared, options.data_dir = True, None
        set_up_log(options.log_level, as_json=options.log_format == "json")
        for variable in unknown_variables(parser(part), os.environ):
            log.warning("the environment variable %s is not a setting of this service", variable)
        _check(options)
        with _folder(options.data_dir) as folder:
            _serve(options, folder)
    except LabelingError as error:
        print(f"labeling {part}: {error}", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        pass
    return 0


def _check(options: argparse.Namespace) -> None:
    """Check the options that can be checked by themselves.

    :raises StartError: if an option is invalid.
    """
    from labeling_provider.groundtruth.facts import LAMBDA_ACCOUNTS
    from labeling_provider.service.cloud.openid import MAX_GROUP_CHARACTERS
    from labeling_provider.service.web.origins import is_loopback
    from labeling_provider.service.web.signatures import Credentials

    if not is_loopback(options.host) and Credentials.from_environment() is None:
        raise StartError(
            f"--host {options.host} is reachable from other machines: set LABELING_LOCAL_ACCESS_KEY_ID and "
            "LABELING_LOCAL_SECRET_ACCESS_KEY first, or listen on 127.0.0.1"
        )
    if options.region not in LAMBDA_ACCOUNTS:
        raise StartError(f"--region {options.region} has no Ground Truth; use one of {', '.join(LAMBDA_ACCOUNTS)}")
    if not 0 <= options.port <= 65_535:
        raise StartError(f"--port {options.port} is not a valid port; use 1 to 65535, or 0 for a free one")
    if not (options.speed > 0 and math.isfinite(options.speed)):
        raise StartError(f"--speed {options.speed} must be a number greater than 0")
    if options.minimum_automated < 0:
        raise StartError(f"--minimum-automated {options.minimum_automated} must not be negative")
    if options.shared and not (str(options.database_url).startswith("postgresql") and options.s3_endpoint):
        who = "--shared" if options.part == "local" else "this command"
        raise StartError(f"{who} needs --database-url postgresql+psycopg://… and --s3-endpoint")
    if options.database_connections is not None:
        if options.database_connections < MIN_DATABASE_CONNECTIONS:
            given = options.database_connections
            raise StartError(f"--database-connections {given} must be at least {MIN_DATABASE_CONNECTIONS}")
        if not str(options.database_url).startswith("postgresql"):
            raise StartError("--database-connections is for PostgreSQL: set --database-url postgresql+psycopg://…")
    for name in ("audit_days", "own_key_days"):
        if not 0 < getattr(options, name) < 100_000:
            option = name.replace("_", "-")
            raise StartError(f"--{option} {getattr(options, name)} must be a number greater than 0")
    for role in (Role.REQUESTER, Role.ADMINISTRATOR):
        groups = getattr(options, f"{role}_group")
        if any(not 0 < len(group) <= MAX_GROUP_CHARACTERS for group in groups):
            raise StartError(f"--{role}-group must be the name of a group, of 1 to {MAX_GROUP_CHARACTERS} characters")
        if groups and Credentials.from_environment() is None:
            raise StartError(
                f"--{role}-group is for a service that demands credentials: set LABELING_LOCAL_ACCESS_KEY_ID and "
                "LABELING_LOCAL_SECRET_ACCESS_KEY"
            )
    if options.keep_jobs_days is not None and not 0 < options.keep_jobs_days < 100_000:
        raise StartError(f"--keep-jobs-days {options.keep_jobs_days} must be a number greater than 0")
    if (options.tls_certificate is None) != (options.tls_key is None):
        raise StartError("--tls-certificate and --tls-key belong together")
    for proxy in options.trusted_proxy:
        try:
            ipaddress.ip_network(proxy)
        except ValueError:
            raise StartError(f"--trusted-proxy {proxy!r} must be like 192.0.2.7 or 192.0.2.0/24") from None
    for name, url in (("--s3-endpoint", options.s3_endpoint), ("--s3-public-endpoint", options.s3_public_endpoint)):
        if url is not None and not is_web_address(url):
            raise StartError(f"{name} {url!r} must be a URL such as https://s3.example.com")
    if options.s3_public_endpoint is not None and options.s3_endpoint is None:
        raise StartError("--s3-public-endpoint is another address of the S3 that --s3-endpoint names: set that, too")


def _serve(options: argparse.Namespace, folder: Path) -> None:
    from labeling_provider.service.app import serve as serve_until_stopped
    from labeling_provider.service.web.listener import Tls
    from labeling_provider.service.wiring import ProcessRole, ServiceSettings
    from labeling_provider.service.work.requesters import GroupRoles

    serve_until_stopped(
        ServiceSettings(
            host=options.host,
            port=options.port,
            region=options.region,
            database_url=options.database_url or f"sqlite:///{folder / 'labeling.sqlite'}",
            shared=options.shared,
            s3_endpoint=options.s3_endpoint,
            s3_public_endpoint=options.s3_public_endpoint,
            truth=options.truth,
            workforce=options.workforce,
            seed=options.seed,
            speed=options.speed,
            minimum_automated=options.minimum_automated,
            temporary=None if options.data_dir else folder,
            template_assets=options.template_assets,
            tls=Tls(options.tls_certificate, options.tls_key) if options.tls_certificate else None,
            proxies=options.trusted_proxy,
            audit_days=options.audit_days,
            part=ProcessRole(options.part),
            keep_jobs_days=options.keep_jobs_days,
            database_connections=options.database_connections or DATABASE_CONNECTIONS,
            roles=GroupRoles(
                frozenset(options.requester_group),
                frozenset(options.administrator_group),
                frozenset(options.requester_bucket),
                options.own_key_days * 86_400,
            ),
        )
    )


@contextmanager
def _folder(given: Path | None) -> Iterator[Path]:
    """Lock the data directory for this process; without one, create a temporary folder.

    :raises StartError: if another service uses it, or it can't be created.
    """
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
        raise StartError(f"--data-dir {given} is in use by another service; choose another folder") from None
    except OSError as error:
        raise StartError(f"--data-dir {given}: {error.strerror}") from None


if __name__ == "__main__":
    sys.exit(main())
