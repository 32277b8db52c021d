"""The labeling service put together: from its settings its parts are made, of the parts one application."""

from __future__ import annotations

import json
import os
import shutil
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from labeling_provider.groundtruth.model import service_model
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.cloud import Cloud
from labeling_provider.service.database.database import Database
from labeling_provider.service.engine.engine import Engine
from labeling_provider.service.errors import StartError
from labeling_provider.service.learning.loop import ActiveLearning
from labeling_provider.service.learning.registry import ModelRegistry
from labeling_provider.service.web.asgi import Application
from labeling_provider.service.web.labeling_jobs import LabelingJobs
from labeling_provider.service.web.listener import listen
from labeling_provider.service.web.listener import serve as answer
from labeling_provider.service.web.operations import Operations
from labeling_provider.service.web.pages import make_pages
from labeling_provider.service.web.signatures import Credentials
from labeling_provider.service.web.tags import Tags
from labeling_provider.service.web.workteams import Workteams
from labeling_provider.service.work.truth import Truth
from labeling_provider.service.work.workforce import load_workforce

ACCOUNT: Final = "123456789012"
CLOSING_SECONDS: Final = 4


@dataclass(frozen=True)
class Settings:
    """What can be chosen of a service. The options of ``labeling local`` of the same names tell more.

    :param shared: let other services use the database, too.
    :param temporary: a folder that is gone when the service has ended.
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


def serve(chosen: Settings) -> None:
    """Put the parts together, say that the service is ready, and serve.

    :raises StartError: if a setting can't be followed.
    """
    credentials = Credentials.from_environment()
    workforce = load_workforce(chosen.workforce, seed=chosen.seed, region=chosen.region, account=ACCOUNT)
    database = Database(chosen.database_url, shared=chosen.shared)
    cloud = Cloud(database, ACCOUNT, chosen.region, chosen.s3_endpoint)
    truth = Truth(chosen.truth, cloud.objects)
    models = ModelRegistry(database, cloud.objects, workforce)
    engine = Engine(
        database,
        cloud.objects,
        workforce,
        truth,
        cloud.messaging,
        cloud.announce,
        ActiveLearning(database, cloud.objects, workforce, models, chosen.minimum_automated),
        Clock(chosen.speed),
        shared=chosen.shared,
    )
    place = {"region": chosen.region, "account": ACCOUNT}
    jobs = LabelingJobs(database, engine, workforce, models, **place, role_exists=cloud.roles.exists)
    operations = Operations(jobs, Workteams(database, workforce, **place), Tags(database), models)
    service = Application(
        operations,
        make_pages(database, cloud.objects),
        cloud.services,
        s3_endpoint=chosen.s3_endpoint,
        region=chosen.region,
        credentials=credentials,
    )
    cloud.restore()
    try:
        listening = listen(chosen.host, chosen.port)
    except (OSError, OverflowError) as error:
        raise StartError(f"cannot listen on {chosen.host}:{chosen.port}: {error}") from None
    host = f"[{chosen.host}]" if ":" in chosen.host else chosen.host
    endpoint = f"http://{host}:{listening.getsockname()[1]}"
    service_model()
    _point_functions_here(endpoint, chosen.region, credentials)
    engine.start()
    ready = {
        "endpoint_url": endpoint,
        "region": chosen.region,
        "account_id": ACCOUNT,
        "role_arn": cloud.roles.execution_role_arn,
        "workteams": workforce.names,
        "pages_url": f"{endpoint}/_labeling",
    }
    print(json.dumps(ready), flush=True)
    try:
        answer(service, listening, lambda: _end_for_certain(chosen.temporary))
    finally:
        engine.stop()
        database.close()


def _end_for_certain(temporary: Path | None) -> None:
    """End the process after a few seconds, whatever holds it up: all that was acknowledged is in the database.

    :param temporary: a folder to remove then.
    """
    time.sleep(CLOSING_SECONDS)
    if temporary:
        shutil.rmtree(temporary, ignore_errors=True)
    os._exit(0)


def _point_functions_here(endpoint: str, region: str, credentials: Any) -> None:
    """Let boto3 clients in functions of custom tasks find the service: their processes get this one's environment."""
    os.environ.setdefault("AWS_ENDPOINT_URL", endpoint)
    os.environ.setdefault("AWS_DEFAULT_REGION", region)
    os.environ.setdefault("AWS_ACCESS_KEY_ID", credentials.access_key_id if credentials else "local")
    os.environ.setdefault("AWS_SECRET_ACCESS_KEY", credentials.secret_access_key if credentials else "local")
