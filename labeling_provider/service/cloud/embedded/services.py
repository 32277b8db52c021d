"""The embedded services: S3, SNS, SQS, IAM, STS, EventBridge, Cognito, Logs, and SageMaker besides labeling."""

from __future__ import annotations

from contextlib import ExitStack
from typing import Final
from urllib.parse import unquote

from labeling_provider.service.cloud.embedded.cors import preflight, with_cors
from labeling_provider.service.cloud.embedded.directory import EmbeddedDirectory
from labeling_provider.service.cloud.embedded.models import EmbeddedModels
from labeling_provider.service.cloud.embedded.moto_events import EmbeddedEvents
from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from labeling_provider.service.cloud.embedded.moto_objects import EmbeddedObjectStore
from labeling_provider.service.cloud.embedded.refused import refuse
from labeling_provider.service.cloud.embedded.roles import EmbeddedRoles
from labeling_provider.service.cloud.embedded.s3_stored import VersionGone
from labeling_provider.service.cloud.embedded.server import Moto
from labeling_provider.service.cloud.identity import Staff
from labeling_provider.service.cloud.logs import Logs
from labeling_provider.service.cloud.offered import Call, HeldElsewhere, Service, ServiceResponse
from labeling_provider.service.database.database import Database

_READING: Final = frozenset({"GET", "HEAD"})
# Of the services that share a database one has what these hold.
_AT_ONE: Final = frozenset({Service.SNS, Service.SQS, Service.EVENTS})


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
        self.messaging = EmbeddedMessaging(database, account, region)
        self.events = EmbeddedEvents(database, account, region, self.messaging.tenure)
        self.roles = EmbeddedRoles(account)
        self.directory = EmbeddedDirectory(database, account, region, staff)
        self._models = EmbeddedModels(database, account, region)
        self._logs = Logs(database, account, region)

    def restore(self) -> None:
        """Load the state from the database. What can't be restored is logged and skipped."""
        if self.objects:
            self.objects.restore()
        self.messaging.is_here()

    def serve(self, service: Service, call: Call) -> ServiceResponse:
        """Answer a request. What it changes is stored before this returns.

        :raises ApiError: if the operation is not offered or the request is invalid.
        :raises HeldElsewhere: if another service that shares the database has what it is about.
        :raises DatabaseError: if the changes can't be stored.
        """
        if service == Service.LOGS:
            return self._logs.serve(call)
        refuse(service, call)
        if service in _AT_ONE and not self.messaging.is_here():
            raise HeldElsewhere(self.messaging.tenure.holder())
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
            elif service == Service.COGNITO:
                recorded.enter_context(self.directory.in_step(call))
            elif service == Service.SAGEMAKER:
                self._models.show()
            if self.objects:
                reads = call.method in _READING
                recorded.enter_context(self.objects.reading() if reads else self.objects.recording())
            return self._server.serve(service, call)
