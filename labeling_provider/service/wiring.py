"""Connects the parts of the service: what runs labeling jobs, and the application that answers for them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from enum import Enum
from pathlib import Path
from typing import Final

from starlette.routing import Mount, Router

from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.cloud import Cloud
from labeling_provider.service.cloud.messaging import Announce, Messaging
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.cloud.openid import OpenId
from labeling_provider.service.cloud.sealing import Seal, Unreadable
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.pool_size import DATABASE_CONNECTIONS
from labeling_provider.service.engine.announcements import Announcements
from labeling_provider.service.engine.collect import Collect
from labeling_provider.service.engine.consolidation import Results
from labeling_provider.service.engine.deletion import Deletion
from labeling_provider.service.engine.end import End
from labeling_provider.service.engine.engine import Engine, Stages
from labeling_provider.service.engine.erasure import Eraser
from labeling_provider.service.engine.functions import Functions
from labeling_provider.service.engine.hand_out import HandOut
from labeling_provider.service.engine.inputs import Inputs
from labeling_provider.service.engine.mask_helper import MASK_FUNCTION, MaskHelper
from labeling_provider.service.engine.output import Output
from labeling_provider.service.engine.runs import Kinds, Runs
from labeling_provider.service.engine.start import Start
from labeling_provider.service.engine.stream import Stream
from labeling_provider.service.engine.streaming_stage import Streaming
from labeling_provider.service.failures import StartError
from labeling_provider.service.learning.loop import ActiveLearning
from labeling_provider.service.web.administration import Administration
from labeling_provider.service.web.asgi import Application
from labeling_provider.service.web.assets import Assets, read_outside
from labeling_provider.service.web.entrance import Entrance
from labeling_provider.service.web.human_task_uis import HumanTaskUis
from labeling_provider.service.web.labeling_jobs import LabelingJobs
from labeling_provider.service.web.listener import Tls
from labeling_provider.service.web.logs import Logs
from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.object_links import Signer, make_link_credentials
from labeling_provider.service.web.operations import Operations
from labeling_provider.service.web.own_keys import OwnKeys
from labeling_provider.service.web.pages import make_pages
from labeling_provider.service.web.people_of_job import PeopleOfJobs
from labeling_provider.service.web.portal.portal import make_portal
from labeling_provider.service.web.portal.portal_pages import Pages
from labeling_provider.service.web.portal.protocol import Protocol
from labeling_provider.service.web.portal.provider_pages import ProviderPages
from labeling_provider.service.web.portal.sessions import Threads
from labeling_provider.service.web.previews import Previews
from labeling_provider.service.web.private_workforces import Workforces
from labeling_provider.service.web.request_threads import RequestThreads
from labeling_provider.service.web.requests import STATIC_PATH
from labeling_provider.service.web.rights import Rights
from labeling_provider.service.web.signatures import Credentials
from labeling_provider.service.web.tags import Tags
from labeling_provider.service.web.task_pages import TaskPages
from labeling_provider.service.web.template_links import TEMPLATES_PATH, TemplateLinks
from labeling_provider.service.web.trained_models import TrainedModels
from labeling_provider.service.web.visitors import Visitors
from labeling_provider.service.web.worker_requests import Workers
from labeling_provider.service.web.workteams import Workteams
from labeling_provider.service.work.audit_trail import AuditTrail
from labeling_provider.service.work.desk import Desk
from labeling_provider.service.work.passwords import Passwords
from labeling_provider.service.work.people import People
from labeling_provider.service.work.requesters import ApiKeys, GroupRoles
from labeling_provider.service.work.sign_ins import SignIns
from labeling_provider.service.work.simulated import SimulatedWorkers
from labeling_provider.service.work.single_sign_on import SingleSignOn
from labeling_provider.service.work.tries import Tries
from labeling_provider.service.work.truth import Truth
from labeling_provider.service.work.workforce import WorkforceFile

ACCOUNT: Final = "123456789012"


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


@dataclass(frozen=True)
class Labeling:
    """What runs labeling jobs, and what people label with.

    :param kinds: creates the kind of task of a job, for people's pages: it waits for no object long.
    :param desk: where people take tasks and submit answers.
    :param mask_helper: makes masks for people who draw.
    """

    engine: Engine
    kinds: Kinds
    desk: Desk
    mask_helper: MaskHelper


def make_labeling(
    database: Database,
    object_store: ObjectStore,
    workforce: WorkforceFile,
    truth: Truth,
    messaging: Messaging,
    announce: Announce,
    learning: ActiveLearning,
    clock: Clock,
    *,
    shared: bool = False,
) -> Labeling:
    """The engine with the stages of a job, and what shares the callers' functions with it.

    :param announce: called for each job that has ended.
    :param learning: decides who labels which objects in jobs with automated labeling.
    :param shared: whether other processes run jobs in the same database.
    """
    own_functions = {**workforce.functions, MASK_FUNCTION: workforce.mask_function.function}
    functions = Functions(own_functions, object_store.impatient)
    workers = SimulatedWorkers(database, workforce.teams, workforce.seed, truth, clock)
    announcements = Announcements(database, announce, clock)
    inputs, output = Inputs(object_store), Output(database, object_store)
    runs = Runs(database, workforce, Kinds(object_store, functions, inputs))
    stream = Stream(database, messaging, clock)
    results = Results(database, object_store, functions, clock)
    hand_out = HandOut(database, learning, functions, clock, workforce.seed)
    stages = Stages(
        runs,
        Start(database, inputs, output, stream, learning, clock),
        hand_out,
        Collect(database, workers),
        results,
        Streaming(database, stream, hand_out, output),
        output,
        End(database, runs, results, output, stream, announcements, clock),
    )
    engine = Engine(database, stages, announcements, workers, functions, truth, clock, shared=shared)
    kinds = Kinds(object_store.impatient, functions, Inputs(object_store.impatient))
    mask_helper = MaskHelper(functions, workforce.mask_function.prompts)
    return Labeling(engine, kinds, Desk(database, kinds.of, clock, engine.wake), mask_helper)


def make_application(
    settings: ServiceSettings,
    database: Database,
    cloud: Cloud,
    labeling: Labeling,
    workforce: WorkforceFile,
    clock: Clock,
    monitoring: Monitoring,
    audit: AuditTrail,
    deletion: Deletion,
    credentials: Credentials | None,
) -> Application:
    """The application that serves the API and the pages.

    :param credentials: the administrator's; None if everybody on this machine may do everything.
    """
    place = {"region": settings.region, "account": ACCOUNT}
    objects, role_exists = cloud.objects.impatient, cloud.roles.exists
    seal = Seal.from_environment()
    assets = Assets(outside=read_outside(settings.template_assets) if settings.template_assets else None)
    link_credentials = make_link_credentials(credentials.secret_access_key if credentials else None)
    signer = Signer(objects, link_credentials, settings.region)
    task_pages = TaskPages(objects, signer, assets)
    workforces = Workforces(database, **place, seal=seal)
    template_links = TemplateLinks(database, link_credentials.secret_access_key)
    templates = HumanTaskUis(database, signer, template_links, **place, role_exists=role_exists)
    models = TrainedModels(database)
    operations = Operations(
        LabelingJobs(database, labeling.engine, workforce, models, **place, role_exists=role_exists),
        Workteams(database, workforce, cloud.directory, **place),
        workforces,
        templates,
        Tags(database),
        models,
    )
    people = People(database, settings.region, passwords=credentials is not None, roles=settings.roles)
    sign_ins = SignIns(database, clock, people, Passwords(database, Tries(database, clock)))
    keys = ApiKeys(database, seal if credentials is not None else Seal(), clock, settings.roles, people.role_of)
    single_sign_on = SingleSignOn(database, people, sign_ins, settings.region, seal)
    if credentials is not None:
        _check_seal(keys, single_sign_on)
    visitors = Visitors(sign_ins, single_sign_on, audit, workforces.may_enter, settings.roles)
    pages = make_pages(
        database,
        objects,
        clock,
        [
            *visitors.routes,
            *OwnKeys(keys, audit, settings.roles).routes,
            *Workers(
                people, sign_ins, Eraser(database, cloud.objects, people), audit, operations, settings.region
            ).routes,
            *Administration(keys, audit, deletion).routes,
            *Previews(database, labeling.kinds, task_pages).routes,
            *PeopleOfJobs(database, workforce.teams, clock).routes,
        ],
    )
    portal, end_portal_waits = _portal(database, labeling, sign_ins, single_sign_on, audit, task_pages, clock)
    threads = RequestThreads()
    entrance = Entrance(
        threads,
        monitoring,
        credentials,
        link_credentials=link_credentials,
        workforces=workforces,
        keys=keys,
        visitors=visitors,
    )
    return Application(
        entrance,
        threads,
        operations,
        pages,
        portal,
        Logs(database, cloud.services, **place),
        monitoring,
        s3_endpoint=settings.s3_public_endpoint or settings.s3_endpoint,
        region=settings.region,
        static=Router([Mount(TEMPLATES_PATH, template_links), Mount(STATIC_PATH, assets)]),
        rights=Rights(database, **place),
        audit=audit,
        waiting=(end_portal_waits, cloud.end_waits),
    )


def _check_seal(*holders: ApiKeys | SingleSignOn) -> None:
    """Check at the start what would otherwise show only when somebody signs a request, or signs in.

    :raises StartError: if secrets in the database can't be decrypted.
    """
    try:
        for holder in holders:
            holder.check_seal()
    except Unreadable as error:
        what_to_do = "Give the key from before, alone or behind a new one and a comma"
        raise StartError(f"{error} {what_to_do}; docs/security.md says what to do if it is lost.") from None


def _portal(
    database: Database,
    labeling: Labeling,
    sign_ins: SignIns,
    single_sign_on: SingleSignOn,
    audit: AuditTrail,
    task_pages: TaskPages,
    clock: Clock,
) -> tuple[Router, Callable[[], None]]:
    """The portal of the people who label, and what ends their waits for tasks."""
    threads = Threads(Threads())
    desk, masks = labeling.desk, labeling.mask_helper
    pages = Pages(database, desk, sign_ins, threads, task_pages, single_sign_on, audit, masks.prompts, clock)
    with_provider = ProviderPages(pages, single_sign_on, OpenId(), threads)
    protocol = Protocol(desk, sign_ins, threads, task_pages, masks)
    return make_portal(pages, with_provider, protocol), protocol.end_waits
