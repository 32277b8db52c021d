"""Who is let in, by the signatures of programs, the sessions and keys of browsers, and what is open to everybody."""

from __future__ import annotations

import base64
import hmac
import logging
import time
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import partial
from http import HTTPStatus
from typing import Final

from starlette.responses import RedirectResponse, Response

from labeling_provider.service.cloud.offered import Service
from labeling_provider.service.cloud.sealing import Unreadable
from labeling_provider.service.database.states import Role
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.origins import check_page, is_local_name
from labeling_provider.service.web.private_workforces import Workforces
from labeling_provider.service.web.request_threads import RequestThreads
from labeling_provider.service.web.requests import METRICS_PATH, PAGES_PATH, PORTAL_PATH, RequestHead
from labeling_provider.service.web.signatures import Credentials, Signature
from labeling_provider.service.web.visitors import Visitors
from labeling_provider.service.work.people import Person
from labeling_provider.service.work.requesters import ADMINISTRATOR, ApiKeys, Requester

log = logging.getLogger(__name__)

WELL_KNOWN: Final = (Credentials("local", "local"), Credentials("airflow", "airflow"))
"""The keys on loopback. Other keys are accepted there as well, but can't be checked.

Airflow hides a connection's password in its logs and pages, also where it is part of a word, unless it is "airflow".
Source: ``SECRETS_TO_SKIP_MASKING`` in Airflow's secrets masker.
"""
_ANYBODY: Final = Requester("anybody", Role.NOBODY, frozenset())
"""Who asks for what is open to everybody."""


@dataclass(frozen=True)
class Admitted:
    """A caller who was let in.

    :param who: who may do what is asked; never more than the caller has shown.
    :param signature: the request's signature; None if it has none.
    :param credentials: the credentials of the signature; None if the service does not know them.
    :param person: the person signed in in a browser; None if the request was made with a key.
    """

    who: Requester
    signature: Signature | None = None
    credentials: Credentials | None = None
    person: Person | None = None


class Entrance:
    """Decides who is let in.

    :param monitoring: knows the token for metrics.
    :param credentials: the administrator's; if set, every request must be signed with them or a requester's key.
    :param link_credentials: keys that sign links in workers' pages, which can only read objects.
    :param workforces: say from which IP addresses people may come to the portal.
    :param keys: the keys of requesters.
    :param visitors: people with a session at the requester's pages.
    :ivar is_demanding: whether credentials are demanded.
    """

    def __init__(
        self,
        threads: RequestThreads,
        monitoring: Monitoring,
        credentials: Credentials | None,
        *,
        link_credentials: Credentials | None = None,
        workforces: Workforces | None = None,
        keys: ApiKeys | None = None,
        visitors: Visitors | None = None,
    ) -> None:
        self._threads, self._monitoring, self._link_credentials = threads, monitoring, link_credentials
        self._workforces, self._keys, self._visitors = workforces, keys, visitors
        self.is_demanding = credentials is not None
        self._administrator_keys = (credentials,) if credentials else WELL_KNOWN

    async def may_enter(self, address: str) -> bool:
        """Whether people may come to the portal from an IP address."""
        if self._workforces is None:
            return True
        known = self._workforces.known_to_enter(address)
        # Nearly always it is known, and a thread would cost each request of a page.
        return await self._threads.run(partial(self._workforces.may_enter, address)) if known is None else known

    async def direction(self, request: RequestHead, address: str) -> Response | None:
        """What leads a browser from the service's bare address to its pages; None for other callers.

        :param address: the IP address.
        """
        if not request.is_bare_address or not await self.may_enter(address):
            return None
        if self.is_demanding:
            return RedirectResponse(f"{PORTAL_PATH}/", HTTPStatus.SEE_OTHER)
        return RedirectResponse(f"{PAGES_PATH}/", HTTPStatus.SEE_OTHER) if is_local_name(request.host_name) else None

    async def invitation(self, request: RequestHead, refusal: ApiError) -> Response | None:
        """The page that leads a browser to the sign-in after its request was refused; None for other callers."""
        if not (self._visitors and request.is_page and refusal.status == HTTPStatus.UNAUTHORIZED):
            return None
        return await self._threads.run(partial(self._visitors.invitation, request))

    async def admit(self, request: RequestHead, address: str) -> Admitted:
        """Check who is asking.

        :param address: the IP address.
        :raises ApiError: if the request is refused.
        """
        if not self.is_demanding and not is_local_name(request.host_name):
            message = f"This service does not answer for the host {request.host!r}."
            raise ApiError("AccessDenied", message, HTTPStatus.FORBIDDEN)
        if request.method == "OPTIONS" and request.reads_an_object and not request.is_page:
            # This is a browser's preflight request: it can't be signed, and its answer has no data.
            return Admitted(ADMINISTRATOR)
        if request.is_static:
            return Admitted(_ANYBODY)
        if request.is_monitoring:
            check_page(request, presigned=False, secret=self.is_demanding)
            authorization = request.headers.get("authorization", "")
            if self.is_demanding and request.path == METRICS_PATH and not self._monitoring.has_token(authorization):
                who = await self._basic(authorization)
                if not who.is_administrator:
                    raise ApiError("AccessDenied", "Metrics are for the administrator.", HTTPStatus.FORBIDDEN)
            return Admitted(_ANYBODY)
        if request.is_portal:
            # People sign in there by themselves.
            check_page(request, presigned=False, secret=self.is_demanding)
            return Admitted(_ANYBODY)
        signature = Signature.of(request)
        if self.is_demanding and request.is_page and not _is_signed_read(request, signature):
            person = await self._threads.run(partial(self._visitors.of, request, address)) if self._visitors else None
            if person is not None and self._visitors:
                check_page(request, presigned=False, secret=True)
                return Admitted(self._visitors.requester(person), person=person)
            who = await self._basic(request.headers.get("authorization", ""))
            check_page(request, presigned=False, secret=True)
            return Admitted(who)
        if signature is None and self.is_demanding:
            message = "This service accepts only requests signed with its credentials."
            raise ApiError("MissingAuthenticationToken", message, HTTPStatus.FORBIDDEN)
        admitted = Admitted(ADMINISTRATOR) if signature is None else await self._signer(request, signature)
        right = admitted.credentials is not None
        of_s3 = signature is not None and signature.is_presigned and signature.service == Service.S3
        presigned = right and of_s3
        is_secret = self.is_demanding or (signature is not None and self.is_link(signature))
        check_page(request, presigned=presigned, secret=is_secret)
        return admitted

    def is_link(self, signature: Signature) -> bool:
        """Whether this is a link in a worker's page, as its access key says."""
        own = self._link_credentials
        return own is not None and signature.access_key_id == own.access_key_id

    async def _known(self, access_key_id: str) -> tuple[Requester, Credentials] | None:
        """The owner of an access key, and the key; None if it is not known."""
        for own in self._administrator_keys:
            if hmac.compare_digest(access_key_id.encode(), own.access_key_id.encode()):
                return ADMINISTRATOR, own
        if not self.is_demanding or self._keys is None:
            return None
        try:
            owner = await self._threads.run(partial(self._keys.find, access_key_id))
        except Unreadable as error:
            log.error("%s", error)
            return None
        return owner and (owner[0], Credentials(access_key_id, owner[1]))

    async def _signer(self, request: RequestHead, signature: Signature) -> Admitted:
        """Check a signature as far as the request's head allows.

        :return: the caller, without credentials if the service does not know the keys.
        :raises ApiError: if it is wrong.
        """
        if self._link_credentials and self.is_link(signature):
            if not (signature.is_presigned and signature.service == Service.S3 and request.method == "GET"):
                raise ApiError("AccessDenied", "This key is for links that read objects.", HTTPStatus.FORBIDDEN)
            signature.check_cover(request, datetime.fromtimestamp(time.time(), UTC))
            signature.check(request, self._link_credentials, None)
            return Admitted(ADMINISTRATOR, signature, self._link_credentials)
        known = await self._known(signature.access_key_id)
        if known is None:
            if not self.is_demanding and not signature.is_presigned:
                return Admitted(ADMINISTRATOR, signature)
            ours = self._administrator_keys[0].access_key_id
            message = "The access key is not this service's" + ("." if self.is_demanding else f" ({ours!r}).")
            raise ApiError("InvalidClientTokenId", message, HTTPStatus.FORBIDDEN)
        who, credentials = known
        signature.check_cover(request, datetime.fromtimestamp(time.time(), UTC))
        if signature.payload is not None:
            signature.check(request, credentials, None)
            await self.was_used(credentials)
        return Admitted(who, signature, credentials)

    async def was_used(self, credentials: Credentials) -> None:
        """Note that a requester's key was used; the administrator's are not watched."""
        if self._keys is not None and credentials not in self._administrator_keys:
            await self._threads.run(partial(self._keys.was_used, credentials.access_key_id))

    async def _basic(self, authorization: str) -> Requester:
        """Accept an access key as user name and its secret key as password.

        :raises ApiError: if they are wrong.
        """
        kind, _, given = authorization.partition(" ")
        try:
            name, _, password = base64.b64decode(given, validate=True).decode().partition(":")
        except ValueError:
            name = password = ""
        known = await self._known(name) if kind == "Basic" and name else None
        if known is None or not hmac.compare_digest(password.encode(), known[1].secret_access_key.encode()):
            message = "Sign in with an access key and its secret key."
            raise ApiError("Unauthorized", message, HTTPStatus.UNAUTHORIZED)
        await self.was_used(known[1])
        return known[0]


def _is_signed_read(request: RequestHead, signature: Signature | None) -> bool:
    """Whether a program reads a page with a signature like those for SageMaker; a browser signs in instead."""
    return (
        signature is not None
        and not signature.is_presigned
        and signature.service == Service.SAGEMAKER
        and request.method in {"GET", "HEAD"}
    )
