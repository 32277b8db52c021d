"""Wires the labeling service together: builds its parts from the settings, and one application from the parts."""

from __future__ import annotations

import json
import os
import shutil
import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from functools import partial
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

from starlette.routing import Mount, Router
from starlette.types import ASGIApp

from labeling_provider.groundtruth.model import service_model
from labeling_provider.service.clock import Clock
from labeling_provider.service.clock_watch import ClockWatch
from labeling_provider.service.cloud.cloud import Cloud
from labeling_provider.service.cloud.identity import Staff
from labeling_provider.service.cloud.objects_watch import ObjectsWatch
from labeling_provider.service.cloud.sealing import Seal
from labeling_provider.service.cloud.sender import Sender
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.opening import Migrate
from labeling_provider.service.database.pool_size import DATABASE_CONNECTIONS
from labeling_provider.service.engine.deletion import Deletion, Retention
from labeling_provider.service.engine.engine import Engine
from labeling_provider.service.engine.erasure import Eraser
from labeling_provider.service.learning.loop import ActiveLearning
from labeling_provider.service.learning.registry import ModelRegistry
from labeling_provider.service.tracing import set_up_tracing
from labeling_provider.service.web.administration import Administration
from labeling_provider.service.web.asgi import Application
from labeling_provider.service.web.assets import Assets, read_outside
from labeling_provider.service.web.human_task_uis import TEMPLATES_PATH, HumanTaskUis
from labeling_provider.service.web.labeling_jobs import LabelingJobs
from labeling_provider.service.web.listener import Tls, listen
from labeling_provider.service.web.listener import serve as serve_requests
from labeling_provider.service.web.logs import Logs
from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.object_links import Signer, make_link_credentials
from labeling_provider.service.web.operations import Operations
from labeling_provider.service.web.origins import is_unspecified
from labeling_provider.service.web.own_keys import OwnKeys
from labeling_provider.service.web.pages import make_pages
from labeling_provider.service.web.people_of_job import PeopleOfJobs
from labeling_provider.service.web.portal.portal import make_portal
from labeling_provider.service.web.previews import Previews
from labeling_provider.service.web.private_workforces import Workforces
from labeling_provider.service.web.probes import Probes
from labeling_provider.service.web.requests import PORTAL_PATH, STATIC_PATH
from labeling_provider.service.web.rights import Rights
from labeling_provider.service.web.signatures import Credentials
from labeling_provider.service.web.tags import Tags
from labeling_provider.service.web.task_pages import TaskPages
from labeling_provider.service.web.trained_models import TrainedModels
from labeling_provider.service.web.visitors import Visitors
from labeling_provider.service.web.worker_requests import Workers
from labeling_provider.service.web.workteams import Workteams
from labeling_provider.service.work.audit_trail import AuditTrail
from labeling_provider.service.work.people import People
from labeling_provider.service.work.requesters import ApiKeys, GroupRoles
from labeling_provider.service.work.single_sign_on import SingleSignOn
from labeling_provider.service.work.truth import Truth
from labeling_provider.service.work.workforce import WorkforceFile, load_workforce, simulated_identities

ACCOUNT: Final = "123456789012"
CLOSING_SECONDS: Final = 4


class ProcessRole(Enum):
    """The part of the service that a process runs: HTTP requests, the steps of labeling jobs, or both."""

    LOCAL = "local"
    SERVE = "serve"
    WORK = "work"

    @property
    def answers(self) -> bool:
        """Whether it serves the API and the pages; every process answers probes."""
        return self is not ProcessRole.WORK

    @property
    def works(self) -> bool:
        """Whether it runs the steps of labeling jobs."""
        return self is not ProcessRole.SERVE


@dataclass(frozen=True)
class ServiceSettings:
    """The settings of a service, as described by the options of ``labeling local`` with the same names.

    :param part: what this process does.
    :param shared: whether other services use the database as well.
    :param temporary: a folder to delete when the service stops.
    """

    host: str
    port: int
    region: str
    database_url: str
    shared: bool
    s3_endpoint: str | None
    s3_public_endpoint: str | None
    truth: Sequence[str]
    workforce: Path | None
    seed: int
    speed: float
    minimum_automated: int
    temporary: Path | None
    template_assets: Path | None = None
    tls: Tls | None = None
    proxies: Sequence[str] = ()
    audit_days: float = 365.0
    part: ProcessRole = ProcessRole.LOCAL
    keep_jobs_days: float | None = None
    database_connections: int = DATABASE_CONNECTIONS
    roles: GroupRoles = GroupRoles()  # noqa: RUF009 - it can't be changed


def serve(settings: ServiceSettings) -> None:
    """Build the service, print that it is ready, and serve until it is stopped.

    :raises StartError: if a setting is invalid.
    """
    set_up_tracing()
    credentials = Credentials.from_environment()
    workforce = load_workforce(settings.workforce, seed=settings.seed, region=settings.region, account=ACCOUNT)
    migrate = Migrate.ALONE if settings.part is ProcessRole.LOCAL else Migrate.NEVER
    database = Database(
        settings.database_url, shared=settings.shared, migrate=migrate, connections=settings.database_connections
    )
    cloud = Cloud(
        database,
        ACCOUNT,
        settings.region,
        settings.s3_endpoint,
        settings.s3_public_endpoint,
        staff=Staff(simulated_identities(workforce), is_open=credentials is None),
    )
    truth = Truth(settings.truth, cloud.objects)
    models = ModelRegistry(database, cloud.objects, workforce)
    clock = Clock(settings.speed)
    clock_watch = ClockWatch(database, clock)
    clock_watch.start()
    engine = Engine(
        database,
        cloud.objects,
        workforce,
        truth,
        cloud.messaging,
        cloud.announce,
        ActiveLearning(database, cloud.objects, workforce, models, settings.minimum_automated, clock),
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
        parts = _Parts(settings, endpoint, database, cloud, engine, workforce, clock, credentials, audit, deletion)
        service = _application(parts, monitoring)
        ready = {
            "endpoint_url": endpoint,
            "region": settings.region,
            "account_id": ACCOUNT,
            "role_arn": cloud.roles.execution_role_arn,
            "workteams": workforce.names,
            "pages_url": f"{endpoint}/_labeling",
            "portal_url": f"{endpoint}{PORTAL_PATH}",
        }
    else:
        service, ready = Probes(monitoring, credentials), {"probes_url": endpoint}
    service_model()
    _point_functions_here(endpoint if settings.part.answers else None, settings, credentials)
    if settings.part.works:
        engine.start()
        sender.start()
        if settings.keep_jobs_days is not None:
            Retention(database, deletion, audit, clock, settings.keep_jobs_days).start()
    if is_unspecified(settings.host):
        print(_reached_by_others(settings, endpoint), file=sys.stderr, flush=True)
    print(json.dumps(ready), flush=True)
    try:
        end = partial(_end_for_certain, settings.temporary)
        serve_requests(service, listening, end, tls=settings.tls, proxies=settings.proxies)
    finally:
        clock_watch.stop()
        watch.stop()
        sender.stop()
        engine.stop()
        database.close()


@dataclass(frozen=True)
class _Parts:
    """What an application is made of."""

    settings: ServiceSettings
    endpoint: str
    database: Database
    cloud: Cloud
    engine: Engine
    workforce: WorkforceFile
    clock: Clock
    credentials: Credentials | None
    audit: AuditTrail
    deletion: Deletion


def _application(parts: _Parts, monitoring: Monitoring) -> Application:
    """The application that serves the API and the pages."""
    settings, database, cloud, engine = parts.settings, parts.database, parts.cloud, parts.engine
    workforce, credentials = parts.workforce, parts.credentials
    seal = Seal.from_environment()
    assets = Assets(outside=read_outside(settings.template_assets) if settings.template_assets else None)
    audit = parts.audit
    place = {"region": settings.region, "account": ACCOUNT}
    signer = Signer(cloud.objects.impatient, make_link_credentials(), settings.region)
    task_pages = TaskPages(cloud.objects.impatient, signer, assets)
    workforces = Workforces(database, **place, seal=seal)
    models = TrainedModels(database)
    templates = HumanTaskUis(database, signer, endpoint=parts.endpoint, **place, role_exists=cloud.roles.exists)
    operations = Operations(
        LabelingJobs(database, engine, workforce, models, **place, role_exists=cloud.roles.exists),
        Workteams(database, workforce, cloud.directory, **place),
        workforces,
        templates,
        Tags(database),
        models,
    )
    people = People(database, parts.clock, settings.region, passwords=credentials is not None, roles=settings.roles)
    keys = ApiKeys(database, seal if credentials is not None else Seal(), parts.clock, settings.roles, people.role_of)
    single_sign_on = SingleSignOn(database, people, settings.region, seal)
    visitors = Visitors(people, single_sign_on, audit, workforces.may_enter)
    return Application(
        operations,
        make_pages(
            database,
            cloud.objects.impatient,
            parts.clock,
            [
                *visitors.routes,
                *OwnKeys(keys, audit, settings.roles).routes,
                *Workers(people, Eraser(database, cloud.objects, people), audit, operations, settings.region).routes,
                *Administration(keys, audit, parts.deletion).routes,
                *Previews(database, engine.kinds, task_pages).routes,
                *PeopleOfJobs(database, workforce.teams, parts.clock).routes,
            ],
        ),
        make_portal(database, engine.desk, people, single_sign_on, audit, task_pages, engine.mask_helper, parts.clock),
        Logs(database, cloud.services, **place),
        monitoring,
        s3_endpoint=settings.s3_public_endpoint or settings.s3_endpoint,
        region=settings.region,
        credentials=credentials,
        static=Router([Mount(TEMPLATES_PATH, templates), Mount(STATIC_PATH, assets)]),
        link_credentials=signer.credentials,
        workforces=workforces,
        keys=keys,
        visitors=visitors,
        rights=Rights(database, **place),
        audit=audit,
    )


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


def _end_for_certain(temporary: Path | None) -> None:
    """Exit after a few seconds, whatever is still running: everything acknowledged is in the database.

    :param temporary: a folder to delete first.
    """
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
