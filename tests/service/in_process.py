"""The service's engine in this process, without HTTP: jobs over files in memory."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

from dev.stack import wait_until
from labeling_provider.groundtruth.job import RUNNING
from labeling_provider.request import LabelingJobSpec
from labeling_provider.service.clock import Clock
from labeling_provider.service.cloud.embedded.directory import EmbeddedDirectory
from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from labeling_provider.service.cloud.identity import Staff
from labeling_provider.service.cloud.object_store import MissingObject, ObjectStore
from labeling_provider.service.database.database import Database
from labeling_provider.service.engine.engine import Engine
from labeling_provider.service.learning.loop import ActiveLearning
from labeling_provider.service.learning.registry import ModelRegistry
from labeling_provider.service.web.human_task_uis import HumanTaskUis
from labeling_provider.service.web.labeling_jobs import LabelingJobs
from labeling_provider.service.web.object_links import Signer, make_link_credentials
from labeling_provider.service.web.operations import Operations
from labeling_provider.service.web.private_workforces import Workforces
from labeling_provider.service.web.tags import Tags
from labeling_provider.service.web.template_links import TemplateLinks
from labeling_provider.service.web.trained_models import TrainedModels
from labeling_provider.service.web.workteams import Workteams
from labeling_provider.service.wiring import make_labeling
from labeling_provider.service.work.truth import Truth
from labeling_provider.service.work.workforce import WorkforceFile, load_workforce, simulated_identities
from tests.own_names import own_id

ACCOUNT, REGION = "123456789012", "us-east-1"
TEAM = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workteam/private-crowd/private-simulated"
FUNCTION = f"arn:aws:lambda:{REGION}:{ACCOUNT}:function:"


class Memory(ObjectStore):
    """Objects in memory.

    :param objects: what is there from the start, by URI.
    :ivar down: an error that every access runs into, while it is set.
    """

    def __init__(self, objects: Mapping[str, bytes] | None = None) -> None:
        self.objects: dict[str, bytes] = dict(objects or {})
        self.down: Exception | None = None

    def _check(self) -> None:
        if self.down:
            raise self.down

    def read(self, uri: str) -> bytes:
        self._check()
        if not uri.startswith("s3://"):
            raise ValueError(f"{uri!r} is not an S3 URI")
        if uri not in self.objects:
            raise MissingObject(uri)
        return self.objects[uri]

    def write(self, files: dict[str, tuple[bytes, str]]) -> None:
        self._check()
        self.objects.update({uri: body for uri, (body, _) in files.items()})

    def delete_below(self, prefix: str) -> int:
        gone = [uri for uri in self.objects if uri.startswith(prefix)]
        for uri in gone:
            del self.objects[uri]
        return len(gone)

    def version(self, uri: str) -> str | None:
        self._check()
        return str(hash(self.objects[uri])) if uri in self.objects else None


def all_operations(database: Database, engine: Engine, workforce: WorkforceFile) -> Operations:
    """SageMaker's operations, where every role exists."""
    place = {"region": REGION, "account": ACCOUNT}
    models = TrainedModels(database)
    jobs = LabelingJobs(database, engine, workforce, models, **place, role_exists=lambda _: True)
    signer = Signer(Memory(), make_link_credentials(), REGION)
    template_links = TemplateLinks(database, signer.credentials.secret_access_key)
    templates = HumanTaskUis(database, signer, template_links, **place, role_exists=lambda _: True)
    workforces = Workforces(database, **place)
    directory = EmbeddedDirectory(database, ACCOUNT, REGION, Staff(simulated_identities(workforce)))
    workteams = Workteams(database, workforce, directory, **place)
    return Operations(jobs, workteams, workforces, templates, Tags(database), models)


class InProcess:
    """A running engine.

    :param folder: for its database.
    :param functions: functions as the workforce file names them, by the end of their ARN.
    :param truth: truth files.
    :param models: models of automated labeling, as the workforce file names them.
    :param team: how ``private-simulated`` works, in place of three workers who are never wrong.
    :param speed: how many times faster time passes.
    :param objects: what the storage holds before a job that goes on looks for its files.
    :param shared: a database that others may use, too, and the storage, in place of one of its own and of memory.
    """

    def __init__(
        self,
        folder: Path,
        functions: dict[str, Any] | None = None,
        truth: Sequence[str] = (),
        models: dict[str, Any] | None = None,
        *,
        team: dict[str, Any] | None = None,
        seed: int = 4,
        speed: float = 1.0,
        objects: Mapping[str, bytes] | None = None,
        shared: tuple[Database, ObjectStore] | None = None,
    ) -> None:
        path = folder / "workforce.json"
        targets = {FUNCTION + name: target for name, target in (functions or {}).items()}
        teams = {"private-simulated": team or {"workers": 3, "accuracy": 1}}
        path.write_text(json.dumps({"workteams": teams, "functions": targets, "models": models or {}}))
        self.workforce = load_workforce(path, seed=seed, region=REGION, account=ACCOUNT)
        self.storage = Memory(objects)
        own = shared or (Database(f"sqlite:///{folder / 'labeling.sqlite'}"), self.storage)
        self.store, self.files = own
        clock = Clock(speed)
        registry = ModelRegistry(self.store, self.files, self.workforce, clock)
        learning = ActiveLearning(self.store, self.files, self.workforce, registry, 0, clock)
        self.messaging = EmbeddedMessaging(self.store, ACCOUNT, REGION)
        self.labeling = make_labeling(
            self.store,
            self.files,
            self.workforce,
            Truth(truth, self.files),
            self.messaging,
            lambda *_: None,
            learning,
            clock,
            shared=shared is not None,
        )
        self.engine = self.labeling.engine
        self.operations = all_operations(self.store, self.engine, self.workforce)
        self.engine.start()

    def close(self) -> None:
        self.engine.stop()
        self.store.close()

    def create(self, manifest: bytes, **arguments: Any) -> str:
        """Make a job over a manifest; its name."""
        request = self.prepare(manifest, **arguments)
        self.operations.call("CreateLabelingJob", request)
        return str(request["LabelingJobName"])

    def prepare(self, manifest: bytes, **arguments: Any) -> dict[str, Any]:
        """Store the files of a job over a manifest; the request for it."""
        name = arguments.pop("name", f"job-{own_id().hex[:12]}")
        uri = f"s3://lab/{name}.manifest"
        defaults = {
            "task_type": "text-classification",
            "manifest_uri": uri,
            "output_uri": "s3://lab/out",
            "labels": ["cat", "dog", "bird"],
            "workforce": TEAM,
            "role_arn": f"arn:aws:iam::{ACCOUNT}:role/labeling-local",
            "title": "What is it?",
            "instructions": "Choose one.",
            "workers_per_object": 1,
        }
        draft = LabelingJobSpec(**{**defaults, **arguments}).draft(name, REGION)
        files = {uri: manifest, **{uri: text.encode() for uri, text in draft.files.items()}}
        if self.files is self.storage:
            self.storage.objects.update(files)
        else:
            self.files.write({uri: (body, "application/json") for uri, body in files.items()})
        return draft.request

    def describe(self, name: str) -> dict[str, Any]:
        return self.operations.call("DescribeLabelingJob", {"LabelingJobName": name})

    def wait(self, name: str, reached: Callable[[dict[str, Any]], bool] | None = None) -> dict[str, Any]:
        """Wait until a job has ended, or something else is true of it; its description."""

        def ended() -> dict[str, Any] | None:
            description = self.describe(name)
            done = reached(description) if reached else description["LabelingJobStatus"] not in RUNNING
            return description if done else None

        return wait_until(ended, 180, f"{name} ends, not {self.describe(name)}", 0.005)

    def run(self, manifest: bytes, **arguments: Any) -> tuple[dict[str, Any], list[dict[str, Any]]]:
        """Run a job to its end; its description and its output lines."""
        description = self.wait(self.create(manifest, **arguments))
        uri = description.get("LabelingJobOutput", {}).get("OutputDatasetS3Uri")
        return description, [json.loads(line) for line in self.storage.objects[uri].splitlines()] if uri else []
