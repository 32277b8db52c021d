"""A process of the service: builds its parts from the settings, starts them, and serves until it is stopped."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.types import ASGIApp

from labeling_provider.groundtruth.model import service_model
from labeling_provider.service.clock import Clock
from labeling_provider.service.clock_watch import ClockWatch
from labeling_provider.service.cloud.cloud import Cloud
from labeling_provider.service.cloud.identity import Staff
from labeling_provider.service.cloud.objects_watch import ObjectsWatch
from labeling_provider.service.cloud.sender import Sender
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import Migrate
from labeling_provider.service.engine.deletion import Deletion, Retention
from labeling_provider.service.heaps import share_heaps
from labeling_provider.service.learning.loop import ActiveLearning
from labeling_provider.service.learning.registry import ModelRegistry
from labeling_provider.service.tracing import set_up_tracing
from labeling_provider.service.web.asgi import Application
from labeling_provider.service.web.listener import listen
from labeling_provider.service.web.listener import serve as serve_requests
from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.origins import is_unspecified
from labeling_provider.service.web.probes import Probes
from labeling_provider.service.web.requests import PORTAL_PATH
from labeling_provider.service.web.signatures import Credentials
from labeling_provider.service.wiring import ACCOUNT, ProcessRole, ServiceSettings, make_application, make_labeling
from labeling_provider.service.work.audit_trail import AuditTrail
from labeling_provider.service.work.truth import Truth
from labeling_provider.service.work.workforce import WorkforceFile, load_workforce, simulated_identities

CLOSING_SECONDS: Final = 4


def serve(settings: ServiceSettings) -> None:
    """Build the service, print that it is ready, and serve until it is stopped.

    :raises StartError: if a setting is invalid.
    """
    share_heaps()
    set_up_tracing()
    credentials = Credentials.from_environment()
    workforce = load_workforce(settings.workforce, seed=settings.seed, region=settings.region, account=ACCOUNT)
    database = _database(settings)
    cloud = _cloud(settings, database, workforce, is_open=credentials is None)
    truth = Truth(settings.truth, cloud.objects)
    clock = Clock(settings.speed)
    registry = ModelRegistry(database, cloud.objects, workforce, clock)
    clock_watch = ClockWatch(database, clock)
    clock_watch.start()
    labeling = make_labeling(
        database,
        cloud.objects,
        workforce,
        truth,
        cloud.messaging,
        cloud.announce,
        ActiveLearning(database, cloud.objects, workforce, registry, settings.minimum_automated, clock),
        clock,
        shared=settings.shared,
    )
    sender = Sender(database, clock, shared=settings.shared)
    cloud.restore()
    listening = listen(settings.host, settings.port)
    endpoint = _endpoint(settings, listening.getsockname()[1])
    watch = ObjectsWatch(cloud.objects.impatient)
    watch.start()
    monitoring = Monitoring.from_environment(database, watch, clock)
    audit = AuditTrail(database, clock, settings.audit_days)
    deletion = Deletion(database, cloud.objects, cloud.messaging)
    service: ASGIApp
    if settings.part.answers:
        service = make_application(
            settings,
            database,
            cloud,
            labeling,
            workforce,
            clock,
            monitoring,
            audit,
            deletion,
            credentials,
        )
        ready = _ready(settings, endpoint, cloud, workforce)
    else:
        service, ready = Probes(monitoring, credentials), {"probes_url": endpoint}
    service_model()
    _point_functions_here(endpoint if settings.part.answers else None, settings, credentials)
    if settings.part.works:
        labeling.engine.start()
        sender.start()
        cloud.expiry.start()
        if settings.keep_jobs_days is not None:
            Retention(database, deletion, audit, clock, settings.keep_jobs_days).start()
    if is_unspecified(settings.host):
        print(_reached_by_others(settings, endpoint), file=sys.stderr, flush=True)
    print(json.dumps(ready), flush=True)
    try:
        waits = [service.end_waits] if isinstance(service, Application) else []
        end = partial(_end_for_certain, settings.temporary, waits)
        serve_requests(service, listening, end, tls=settings.tls, proxies=settings.proxies)
    finally:
        clock_watch.stop()
        watch.stop()
        cloud.expiry.stop()
        sender.stop()
        labeling.engine.stop()
        database.close()


def _database(settings: ServiceSettings) -> Database:
    """Only a process that is alone changes its tables."""
    migrate = Migrate.ALONE if settings.part is ProcessRole.LOCAL else Migrate.NEVER
    return Database(
        settings.database_url, shared=settings.shared, migrate=migrate, connections=settings.database_connections
    )


def _cloud(settings: ServiceSettings, database: Database, workforce: WorkforceFile, *, is_open: bool) -> Cloud:
    """Amazon's services, embedded or real.

    :param is_open: whether everybody on this machine may do everything.
    """
    return Cloud(
        database,
        ACCOUNT,
        settings.region,
        settings.s3_endpoint,
        settings.s3_public_endpoint,
        staff=Staff(simulated_identities(workforce), is_open=is_open),
    )


def _ready(settings: ServiceSettings, endpoint: str, cloud: Cloud, workforce: WorkforceFile) -> dict[str, Any]:
    """What is printed when the service is ready."""
    return {
        "endpoint_url": endpoint,
        "region": settings.region,
        "account_id": ACCOUNT,
        "role_arn": cloud.roles.execution_role_arn,
        "workteams": workforce.names,
        "pages_url": f"{endpoint}/_labeling",
        "portal_url": f"{endpoint}{PORTAL_PATH}",
    }


def _endpoint(settings: ServiceSettings, port: int) -> str:
    """The service's URL on this machine; a wildcard address such as 0.0.0.0 can't be opened itself."""
    host = settings.host
    if is_unspecified(host):
        host = "::1" if ":" in host else "127.0.0.1"
    return f"{'https' if settings.tls else 'http'}://{f'[{host}]' if ':' in host else host}:{port}"


def _reached_by_others(settings: ServiceSettings, endpoint: str) -> str:
    """How other machines reach a service that listens on all addresses of this one."""
    parts = urlsplit(endpoint)
    where = f"{parts.scheme}://NAME:{parts.port}"
    command = f"labeling {settings.part.value}"
    return f"{command}: other machines can reach it at {where}, where NAME is this machine's name or address"


def _end_for_certain(temporary: Path | None, waits: Sequence[Callable[[], None]]) -> None:
    """Exit after a few seconds, whatever is still running: everything acknowledged is in the database.

    :param temporary: a folder to delete first.
    :param waits: called at once, so that nobody waits who need not.
    """
    for end in waits:
        end()
    time.sleep(CLOSING_SECONDS)
    if temporary:
        shutil.rmtree(temporary, ignore_errors=True)
    os._exit(0)


def _point_functions_here(endpoint: str | None, settings: ServiceSettings, credentials: Credentials | None) -> None:
    """Point boto3 clients in custom functions at this service, and those of S3 to where the objects are.

    Their processes inherit this one's environment. If S3 is elsewhere, the keys in it are S3's, and the API's are found
    by ``function_clients``.

    :param endpoint: the API's URL; None if this process has no API, and the environment must name that of another.
    """
    if endpoint:
        os.environ.setdefault("AWS_ENDPOINT_URL", endpoint)
    if settings.s3_endpoint:
        os.environ.setdefault("AWS_ENDPOINT_URL_S3", settings.s3_endpoint)
    else:
        os.environ.setdefault("AWS_ACCESS_KEY_ID", credentials.access_key_id if credentials else "local")
        os.environ.setdefault("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key if credentials else "local")
    os.environ.setdefault("AWS_DEFAULT_REGION", settings.region)
