"""S3, SNS, SQS, IAM, STS and EventBridge in this process, as one thing that is made, restored and asked."""

from __future__ import annotations

from contextlib import ExitStack
from http import HTTPStatus
from typing import Final
from urllib.parse import unquote

from labeling_provider.service.cloud.embedded.cors import preflight, with_cors
from labeling_provider.service.cloud.embedded.moto_events import EmbeddedEvents
from labeling_provider.service.cloud.embedded.moto_messaging import EmbeddedMessaging
from labeling_provider.service.cloud.embedded.moto_objects import EmbeddedObjectStore
from labeling_provider.service.cloud.embedded.refused import refuse
from labeling_provider.service.cloud.embedded.roles import EmbeddedRoles
from labeling_provider.service.cloud.embedded.server import Moto
from labeling_provider.service.cloud.offered import Answer, Call, Service
from labeling_provider.service.database.database import Database
from labeling_provider.service.errors import ApiError

_READING: Final = frozenset({"GET", "HEAD"})
# Of the services that share a database one has what these hold.
_AT_ONE: Final = frozenset({Service.SNS, Service.SQS, Service.EVENTS})


class EmbeddedServices:
    """The services around labeling, made durable.

    :param database: where what they hold is kept.
    :param account: the account that owns it.
    :param region: the one region that they are in.
    :param keeps_objects: whether S3 is among them; it may be elsewhere.
    """

    def __init__(self, database: Database, account: str, region: str, *, keeps_objects: bool) -> None:
        self._server = Moto(region)
        self.objects = EmbeddedObjectStore(database, account, region) if keeps_objects else None
        self.messaging = EmbeddedMessaging(database, account, region)
        self.events = EmbeddedEvents(database, account, region, self.messaging.tenure)
        self.roles = EmbeddedRoles(account)

    def restore(self) -> None:
        """Put back everything that the database has; what can't be put back is logged and left out."""
        if self.objects:
            self.objects.restore()
        self.messaging.is_here()

    def serve(self, service: Service, call: Call) -> Answer:
        """Answer one request; what it has changed is kept before anybody hears of it.

        :raises ApiError: if it asks for what is not done here.
        :raises DatabaseError: if the database doesn't take what it has changed.
        """
        refuse(service, call)
        if service in _AT_ONE and not self.messaging.is_here():
            message = (
                "Topics, queues and event rules are in another of the services that share the database: "
                "ask that one, or try again when it has ended."
            )
            raise ApiError("ServiceUnavailable", message, HTTPStatus.SERVICE_UNAVAILABLE)
        if service != Service.S3 or self.objects is None:
            return self._served(service, call)
        bucket = unquote(call.path.removeprefix("/").partition("/")[0])
        rules = self.objects.cors_rules(bucket)
        if call.method == "OPTIONS":
            return preflight(rules, call.headers)
        return with_cors(self._served(service, call), rules, call)

    def _served(self, service: Service, call: Call) -> Answer:
        with ExitStack() as recorded:
            recorded.enter_context(self.messaging.recording())
            if service == Service.EVENTS:
                recorded.enter_context(self.events.recording())
            if self.objects and call.method not in _READING:
                recorded.enter_context(self.objects.recording())
            return self._server.serve(service, call)
