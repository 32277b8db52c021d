"""The embedded services: S3, SNS, SQS, IAM, STS, EventBridge, Cognito, and SageMaker besides labeling."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final
from urllib.parse import unquote

from labeling_provider.service.cloud.embedded import pool_tags
from labeling_provider.service.cloud.embedded.cors import preflight, with_cors
from labeling_provider.service.cloud.embedded.directory import EmbeddedDirectory
from labeling_provider.service.cloud.embedded.in_step import InStep
from labeling_provider.service.cloud.embedded.moto_events import EmbeddedEvents
from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from labeling_provider.service.cloud.embedded.moto_objects import EmbeddedObjectStore
from labeling_provider.service.cloud.embedded.moto_sagemaker import EmbeddedModels
from labeling_provider.service.cloud.embedded.refused import refuse
from labeling_provider.service.cloud.embedded.roles import EmbeddedRoles
from labeling_provider.service.cloud.embedded.s3_stored import VersionGone
from labeling_provider.service.cloud.embedded.server import Moto
from labeling_provider.service.cloud.identity import Staff
from labeling_provider.service.cloud.offered import Call, Service, ServiceResponse
from labeling_provider.service.database.database import Database

_READING: Final = frozenset({"GET", "HEAD"})
# Several processes may share the state of these. S3 notifies topics, queues and event buses of new objects.
_IN_STEP: Final = frozenset({Service.SNS, Service.SQS, Service.EVENTS, Service.IAM, Service.STS, Service.S3})


class EmbeddedServices:
    """The embedded supporting services.

    :param database: stores their state.
    :param account: the account that owns everything.
    :param region: their only region.
    :param keeps_objects: whether they include S3; it may be external.
    :param staff: see :class:`.Staff`.
    """

    def __init__(
        self,
        database: Database,
        account: str,
        region: str,
        *,
        keeps_objects: bool,
        staff: Staff = Staff(),  # noqa: B008 - it never changes
    ) -> None:
        self._server = Moto(region)
        self.objects = EmbeddedObjectStore(database, account, region) if keeps_objects else None
        self._in_step = InStep(database)
        self.messaging = EmbeddedMessaging(database, account, region, self._in_step)
        self.events = EmbeddedEvents(database, account, region, self._in_step)
        self.roles = EmbeddedRoles(database, account, self._in_step)
        self.directory = EmbeddedDirectory(database, account, region, staff)
        self._models = EmbeddedModels(database, account, region)

    def restore(self) -> None:
        """Load the state from the database. What can't be restored is logged and skipped."""
        if self.objects:
            self.objects.restore()
        self._in_step.refresh()

    def serve(self, service: Service, call: Call) -> ServiceResponse:
        """Answer a request. What it changes is stored before this returns.

        :raises ApiError: if the operation is not offered or the request is invalid.
        :raises DatabaseError: if the changes can't be stored.
        """
        refuse(service, call)
        if service in _IN_STEP:
            self._in_step.refresh()
        if service != Service.S3 or self.objects is None:
            return self._served(service, call)
        bucket = unquote(call.path.removeprefix("/").partition("/")[0])
        rules = self.objects.cors_rules(bucket)
        if call.method == "OPTIONS":
            return preflight(rules, call.headers)
        return with_cors(self._answer(call), rules, call)

    def _answer(self, call: Call) -> ServiceResponse:
        """Answer a request to S3, again if what it reads is overwritten meanwhile."""
        while True:
            try:
                return self._served(Service.S3, call)
            except VersionGone:
                call.body.seek(0)

    def _served(self, service: Service, call: Call) -> ServiceResponse:
        with ExitStack() as recorded:
            recorded.enter_context(self.messaging.recording())
            if service == Service.EVENTS:
                recorded.enter_context(self.events.recording())
            elif service == Service.IAM:
                recorded.enter_context(self.roles.recording())
            elif service == Service.COGNITO:
                recorded.enter_context(self.directory.in_step(call))
                if call.operation in pool_tags.OPERATIONS:
                    return self.directory.tagging(call)
            elif service == Service.SAGEMAKER:
                self._models.show()
            if self.objects:
                reads = call.method in _READING
                recorded.enter_context(self.objects.reading() if reads else self.objects.recording())
            return self._server.serve(service, call)
