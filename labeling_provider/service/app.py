"""Wires the labeling service together: builds its parts from the settings, and one application from the parts."""

from __future__ import annotations

import json
import os
import shutil
import socket
import time
from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

from starlette.routing import Mount, Router

from labeling_provider.groundtruth.model import service_model
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.cloud import Cloud
from labeling_provider.service.cloud.identity import Staff
from labeling_provider.service.cloud.sealing import Seal
from labeling_provider.service.database.database import Database
from labeling_provider.service.engine.engine import Engine
from labeling_provider.service.errors import StartError
from labeling_provider.service.learning.loop import ActiveLearning
from labeling_provider.service.learning.registry import ModelRegistry
from labeling_provider.service.tracing import set_up_tracing
from labeling_provider.service.web.administration import Administration
from labeling_provider.service.web.asgi import Application
from labeling_provider.service.web.assets import Assets, read_outside
from labeling_provider.service.web.human_task_uis import TEMPLATES_PATH, HumanTaskUis
from labeling_provider.service.web.job_people import JobPeople
from labeling_provider.service.web.labeling_jobs import LabelingJobs
from labeling_provider.service.web.links import Signer, make_link_credentials
from labeling_provider.service.web.listener import Tls, listen
from labeling_provider.service.web.listener import serve as serve_requests
from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.operations import Operations
from labeling_provider.service.web.origins import is_unspecified
from labeling_provider.service.web.pages import make_pages
from labeling_provider.service.web.portal.application import make_portal
from labeling_provider.service.web.previews import Previews
from labeling_provider.service.web.requests import PORTAL_PATH, STATIC_PATH
from labeling_provider.service.web.rights import Rights
from labeling_provider.service.web.signatures import Credentials
from labeling_provider.service.web.tags import Tags
from labeling_provider.service.web.task_pages import TaskPages
from labeling_provider.service.web.workers import Workers
from labeling_provider.service.web.workforces import Workforces
from labeling_provider.service.web.workteams import Workteams
from labeling_provider.service.work.audit import AuditTrail
from labeling_provider.service.work.people import People
from labeling_provider.service.work.requesters import ApiKeys
from labeling_provider.service.work.single_sign_on import SingleSignOn
from labeling_provider.service.work.truth import Truth
from labeling_provider.service.work.workforce import load_workforce, simulated_identities

ACCOUNT: Final = "123456789012"
CLOSING_SECONDS: Final = 4


@dataclass(frozen=True)
class ServiceSettings:
    """The settings of a service, as described by the options of ``labeling local`` with the same names.

    :param shared: whether other services use the database as well.
    :param temporary: a folder to delete when the service stops.
    """

    host: str
    port: int
    region: str
    database_url: str
    shared: bool
    s3_endpoint: str | None
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
    internal_url: str | None = None


def serve(settings: ServiceSettings) -> None:
    """Build the service, print that it is ready, and serve until it is stopped.

    :raises StartError: if a setting is invalid.
    """
    set_up_tracing()
    credentials, seal = Credentials.from_environment(), Seal.from_environment()
    assets = Assets(outside=read_outside(settings.template_assets) if settings.template_assets else None)
    workforce = load_workforce(settings.workforce, seed=settings.seed, region=settings.region, account=ACCOUNT)
    database = Database(settings.database_url, shared=settings.shared)
    audit = AuditTrail(database, settings.audit_days)
    cloud = Cloud(
        database,
        ACCOUNT,
        settings.region,
        settings.s3_endpoint,
        staff=Staff(simulated_identities(workforce), is_open=credentials is None),
    )
    truth = Truth(settings.truth, cloud.objects)
    models = ModelRegistry(database, cloud.objects, workforce)
    clock = Clock(settings.speed)
    engine = Engine(
        database,
        cloud.objects,
        workforce,
        truth,
        cloud.messaging,
        cloud.announce,
        ActiveLearning(database, cloud.objects, workforce, models, settings.minimum_automated),
        clock,
        shared=settings.shared,
    )
    cloud.restore()
    try:
        listening = listen(settings.host, settings.port)
    except (OSError, OverflowError) as error:
        raise StartError(f"cannot listen on {settings.host}:{settings.port}: {error}") from None
    host = f"[{settings.host}]" if ":" in settings.host else settings.host
    address = f"{host}:{listening.getsockname()[1]}"
    scheme = "https" if settings.tls else "http"
    endpoint = f"{scheme}://{address}"
    if settings.shared:
        database.announce(settings.internal_url or _internal_url(settings.host, endpoint))
    place = {"region": settings.region, "account": ACCOUNT}
    portal = f"{address}{PORTAL_PATH}"
    signer = Signer(cloud.objects, make_link_credentials(), settings.region)
    task_pages = TaskPages(cloud.objects, signer, assets)
    workforces = Workforces(database, **place, seal=seal)
    templates = HumanTaskUis(database, signer, endpoint=endpoint, **place, role_exists=cloud.roles.exists)
    operations = Operations(
        LabelingJobs(database, engine, workforce, models, **place, role_exists=cloud.roles.exists),
        Workteams(database, workforce, cloud.directory, **place),
        workforces,
        templates,
        Tags(database),
        models,
    )
    people = People(database, clock, settings.region, passwords=credentials is not None)
    keys = ApiKeys(database, seal if credentials is not None else Seal())
    single_sign_on = SingleSignOn(database, people, settings.region, seal)
    service = Application(
        operations,
        make_pages(
            database,
            cloud.objects,
            [
                *Workers(people, audit, operations, settings.region).routes,
                *Administration(keys, audit).routes,
                *Previews(database, engine.kinds, task_pages).routes,
                *JobPeople(database, workforce.teams).routes,
            ],
        ),
        make_portal(database, engine.desk, people, single_sign_on, audit, task_pages, engine.mask_helper),
        cloud.services,
        Monitoring.from_environment(database, cloud.objects, clock),
        s3_endpoint=settings.s3_endpoint,
        region=settings.region,
        credentials=credentials,
        static=Router([Mount(TEMPLATES_PATH, templates), Mount(STATIC_PATH, assets)]),
        link_credentials=signer.credentials,
        may_enter=workforces.may_enter,
        keys=keys,
        rights=Rights(database, **place),
        audit=audit,
    )
    service_model()
    _point_functions_here(endpoint, settings.region, credentials, settings.s3_endpoint)
    engine.start()
    ready = {
        "endpoint_url": endpoint,
        "region": settings.region,
        "account_id": ACCOUNT,
        "role_arn": cloud.roles.execution_role_arn,
        "workteams": workforce.names,
        "pages_url": f"{endpoint}/_labeling",
        "portal_url": f"{scheme}://{portal}",
    }
    print(json.dumps(ready), flush=True)
    try:
        end = partial(_end_for_certain, settings.temporary)
        serve_requests(service, listening, end, tls=settings.tls, proxies=settings.proxies)
    finally:
        engine.stop()
        database.close()


def _internal_url(host: str, endpoint: str) -> str:
    """Where other services reach this one: at the address of the machine's name if it listens on all addresses."""
    if not is_unspecified(host):
        return endpoint
    return f"http://{socket.gethostbyname(socket.gethostname())}:{urlsplit(endpoint).port}"


def _end_for_certain(temporary: Path | None) -> None:
    """Exit after a few seconds, whatever is still running: everything acknowledged is in the database.

    :param temporary: a folder to delete first.
    """
    time.sleep(CLOSING_SECONDS)
    if temporary:
        shutil.rmtree(temporary, ignore_errors=True)
    os._exit(0)


def _point_functions_here(endpoint: str, region: str, credentials: Any, s3_endpoint: str | None) -> None:
    """Point boto3 clients in custom functions at this service, and those of S3 to where the objects are.

    Their processes inherit this one's environment.
    """
    os.environ.setdefault("AWS_ENDPOINT_URL", endpoint)
    if s3_endpoint:
        os.environ.setdefault("AWS_ENDPOINT_URL_S3", s3_endpoint)
    os.environ.setdefault("AWS_DEFAULT_REGION", region)
    os.environ.setdefault("AWS_ACCESS_KEY_ID", credentials.access_key_id if credentials else "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key if credentials else "local")
