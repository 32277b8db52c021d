"""The supporting services as configured: all embedded, or with a real S3."""

from __future__ import annotations

from typing import cast

from labeling_provider.service.cloud.embedded.queue_messages import Expiry
from labeling_provider.service.cloud.embedded.services import EmbeddedServices
from labeling_provider.service.cloud.identity import Directory, Roles, Staff
from labeling_provider.service.cloud.messaging import Announce, Messaging
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.cloud.offered import Services
from labeling_provider.service.cloud.s3_endpoint import EndpointObjectStore
from labeling_provider.service.database.database import Database


class Cloud:
    """One implementation of each interface.

    :param database: stores the state of the embedded services.
    :param account: the account that owns everything.
    :param region: the one region of all services.
    :param s3_endpoint: the URL of a real S3 to use instead of the embedded one.
    :param s3_public_endpoint: its URL as browsers reach it, if that is another one.
    :param staff: who works in workteams besides the people of the database.
    """

    def __init__(
        self,
        database: Database,
        account: str,
        region: str,
        s3_endpoint: str | None,
        s3_public_endpoint: str | None = None,
        *,
        staff: Staff,
    ) -> None:
        external = EndpointObjectStore(s3_endpoint, region, s3_public_endpoint) if s3_endpoint else None
        embedded = EmbeddedServices(database, account, region, keeps_objects=external is None, staff=staff)
        self.objects: ObjectStore = external or cast(ObjectStore, embedded.objects)
        self.messaging: Messaging = embedded.messaging
        self.announce: Announce = embedded.events.announce
        self.roles: Roles = embedded.roles
        self.directory: Directory = embedded.directory
        self.services: Services = embedded
        self.expiry = Expiry(database)
        self.restore = embedded.restore
        self.end_waits = embedded.messaging.end_waits
