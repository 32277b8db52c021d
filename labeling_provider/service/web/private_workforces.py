"""The operations on the private workforce. Source: API reference of each operation.

The workteams that the service creates at start belong to its own workforce, ``default``. There may be one more, as on
Amazon there may be one in all.
"""

from __future__ import annotations

import ipaddress
import time
from collections.abc import Mapping
from typing import Any, Final

from labeling_provider.groundtruth.facts import arn_of
from labeling_provider.groundtruth.workforce_identity import TeamMember, UserPool, WorkforceIdentity
from labeling_provider.service.cloud.openid import OPENID_ENDPOINTS, OWN_PARAMETERS, is_address
from labeling_provider.service.cloud.sealing import Seal
from labeling_provider.service.database import tag_rows, workforce_rows, workteam_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.workforce_rows import OWN_CLIENT, WorkforceRow, own_user_pool
from labeling_provider.service.failures import ApiError, validation_error
from labeling_provider.service.web.lists import next_token, page_request
from labeling_provider.service.web.tags import add_tags
from labeling_provider.service.work.single_sign_on import CLIENT_SECRET

DEFAULT: Final = "default"
MAX_CIDRS: Final = 10
_KEPT_SECONDS: Final = 2.0


class Workforces:
    """Create-, Describe-, List-, Update- and DeleteWorkforce.

    :param seal: encrypts the client's secret, if it has a key.
    """

    def __init__(self, database: Database, *, region: str, account: str, seal: Seal | None = None) -> None:
        self._database, self._region, self._account = database, region, account
        self._seal = seal or Seal()
        self._networks: tuple[float, list[str]] = (0.0, [])
        with database.write() as connection:
            if workforce_rows.find(connection, DEFAULT) is None:
                identity = UserPool(own_user_pool(region), OWN_CLIENT).as_identity()
                workforce_rows.insert(
                    connection, name=DEFAULT, arn=self._arn(DEFAULT), identity=identity, client_secret=None, settings={}
                )

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateWorkforce.

        :raises ApiError: if there is already a private workforce, or the request is wrong.
        """
        name = request["WorkforceName"]
        identity, secret = _identity(request)
        settings = _settings(request)
        with self._database.write() as connection:
            others = [
                workforce.name for workforce in workforce_rows.all_workforces(connection) if workforce.name != DEFAULT
            ]
            if name.lower() == DEFAULT or others:
                raise ApiError("ResourceInUse", f"There is already a private workforce: {(others or [DEFAULT])[0]}.")
            arn = self._arn(name)
            workforce_rows.insert(
                connection,
                name=name,
                arn=arn,
                identity=identity,
                client_secret=self._sealed(secret),
                is_sealed=self._seal.is_closed,
                settings=settings,
            )
            add_tags(connection, arn, request.get("Tags", []))
        return {"WorkforceArn": arn}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeWorkforce.

        :raises ApiError: if there is no such workforce.
        """
        with self._database.read() as connection:
            return {"Workforce": self._entry(_workforce(connection, request["WorkforceName"]))}

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListWorkforces."""
        order = request.get("SortBy", "CreateDate")
        with self._database.read() as connection:
            rows, token = workforce_rows.page(connection, request.get("NameContains"), order, page_request(request))
        return {"Workforces": [self._entry(row) for row in rows], **next_token(token)}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateWorkforce. The identity provider can be changed only while there is no workteam.

        :raises ApiError: if there is no such workforce, it is in use, or the request is wrong.
        """
        settings = _settings(request)
        with self._database.write() as connection:
            row = _workforce(connection, request["WorkforceName"])
            identity, secret = row.identity, None
            if WorkforceIdentity(request).provider is not None:
                if WorkforceIdentity(row.identity).provider is None:
                    raise validation_error(
                        f"The people of the workforce {row.name} are in Cognito: it has no OidcConfig."
                    )
                if teams_of(connection, row.name):
                    raise ApiError("ConflictException", _still_used(connection, row.name))
                identity, secret = _identity(request)
            workforce_rows.update(
                connection,
                row.name,
                identity=identity,
                client_secret=self._sealed(secret),
                is_sealed=self._seal.is_closed,
                settings={**row.settings, **settings},
            )
            self._networks = (0.0, [])
            return {"Workforce": self._entry(_workforce(connection, row.name))}

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteWorkforce.

        :raises ApiError: if there is no such workforce, or it is in use.
        """
        with self._database.write() as connection:
            row = _workforce(connection, request["WorkforceName"])
            if row.name == DEFAULT or teams_of(connection, row.name):
                raise ApiError("ResourceInUse", _still_used(connection, row.name))
            workforce_rows.delete(connection, row.name)
            tag_rows.delete_all_tags(connection, row.arn)
        self._networks = (0.0, [])
        return {}

    def may_enter(self, address: str) -> bool:
        """Whether people may come to the portal from an IP address: it is in any workforce's SourceIpConfig.

        Nobody has signed in yet, so it can't be known whose people come.

        :raises DatabaseError: if the database does not respond.
        """
        known = self.known_to_enter(address)
        if known is not None:
            return known
        with self._database.read() as connection:
            rows = workforce_rows.all_workforces(connection)
        cidrs = [cidr for row in rows for cidr in row.settings.get("SourceIpConfig", {}).get("Cidrs", [])]
        self._networks = (time.monotonic(), cidrs)
        return _is_in(address, cidrs)

    def known_to_enter(self, address: str) -> bool | None:
        """The answer of :meth:`may_enter` if it is known without the database, which an event loop can't wait for."""
        read_at, cidrs = self._networks
        is_fresh = read_at and time.monotonic() - read_at <= _KEPT_SECONDS
        return _is_in(address, cidrs) if is_fresh else None

    def _sealed(self, secret: str | None) -> str | None:
        return self._seal.seal(secret, CLIENT_SECRET) if secret is not None and self._seal.is_closed else secret

    def _arn(self, name: str) -> str:
        return workforce_arn(self._region, self._account, name)

    def _entry(self, row: WorkforceRow) -> dict[str, Any]:
        """A Workforce."""
        return {
            "WorkforceName": row.name,
            "WorkforceArn": row.arn,
            "Status": "Active",
            "CreateDate": row.created,
            "LastUpdatedDate": row.updated,
            **row.identity,
            **row.settings,
        }


def _is_in(address: str, cidrs: list[str]) -> bool:
    """Whether an IP address is in one of some networks, or there are none."""
    if not cidrs:
        return True
    try:
        caller = ipaddress.ip_address(address)
    except ValueError:
        return False
    # A proxy may write an IPv4 address in IPv6.
    caller = getattr(caller, "ipv4_mapped", None) or caller
    return any(caller in ipaddress.ip_network(cidr, strict=False) for cidr in cidrs)


def workforce_arn(region: str, account: str, name: str) -> str:
    """The ARN of a private workforce."""
    return arn_of("sagemaker", f"workforce/private-crowd/{name}", region, account)


def check_workforce(connection: Connection, name: str, members: list[dict[str, Any]]) -> str:
    """Check that people of a workforce can be the members of a workteam; returns the workforce's name.

    :param members: the members of the workteam, already checked by themselves.
    :raises ApiError: if they can't, or there is no such workforce.
    """
    row = _workforce(connection, name)
    own = WorkforceIdentity(row.identity).user_pool
    for member in members:
        theirs = TeamMember(member).user_pool
        if (theirs is None) != (own is None):
            raise validation_error(f"The people of the workforce {row.name} are in {'Cognito' if own else 'OIDC'}.")
        if row.name != DEFAULT and theirs != own:
            raise validation_error(f"The workforce {row.name} has another user pool or client.")
    return row.name


def workforce_of(connection: Connection, members: list[dict[str, Any]]) -> str | None:
    """The workforce that people belong to if none was named; None for the service's own.

    :param members: the members of a workteam, already checked by themselves.
    """
    for row in workforce_rows.all_workforces(connection):
        if row.name != DEFAULT and TeamMember(members[0]).user_pool == WorkforceIdentity(row.identity).user_pool:
            return row.name
    return None


def teams_of(connection: Connection, name: str) -> int:
    """How many workteams were created with the name of a workforce."""
    return sum(1 for row in workteam_rows.all_workteams(connection) if row.settings.get("WorkforceName") == name)


def _still_used(connection: Connection, name: str) -> str:
    if name == DEFAULT:
        return f"The workforce {name} has the workteams of the service."
    return f"The workforce {name} still has workteams ({teams_of(connection, name)}): delete them first."


def _workforce(connection: Connection, name: str) -> WorkforceRow:
    """:raises ApiError: if there is no workforce with this name."""
    row = workforce_rows.find(connection, name)
    if row is None:
        # Terraform treats one as deleted only if the text uses Amazon's words.
        raise validation_error(f"No workforce found: {name} does not exist.")
    return row


def _identity(request: Mapping[str, Any]) -> tuple[dict[str, Any], str | None]:
    """Who the people are, as it is shown, and the client's secret.

    :raises ApiError: unless exactly one way is given.
    """
    given = WorkforceIdentity(request)
    if (given.user_pool is None) == (given.provider is None):
        raise validation_error("Give exactly one of CognitoConfig and OidcConfig.")
    provider = given.provider or {}
    if own := sorted(OWN_PARAMETERS & provider.get("AuthenticationRequestExtraParams", {}).keys()):
        raise validation_error(f"AuthenticationRequestExtraParams can't set {', '.join(own)}: the service does.")
    for name in OPENID_ENDPOINTS if provider else ():
        if not is_address(provider[name]):
            raise validation_error(f"OidcConfig.{name} must be an address such as https://idp.example.com/path.")
    return given.as_shown(), given.client_secret


def _settings(request: Mapping[str, Any]) -> dict[str, Any]:
    """Where people may come from.

    :raises ApiError: if this service can't enforce that.
    """
    if request.get("WorkforceVpcConfig"):
        raise validation_error("This service is not in a VPC: leave WorkforceVpcConfig out.")
    cidrs = request.get("SourceIpConfig", {}).get("Cidrs", [])
    if len(cidrs) > MAX_CIDRS:
        raise validation_error(f"SourceIpConfig has {len(cidrs)} ranges; at most {MAX_CIDRS} are allowed.")
    for cidr in cidrs:
        try:
            ipaddress.ip_network(cidr, strict=False)
        except ValueError:
            raise validation_error(f"{cidr!r} is not a range of IP addresses such as 192.0.2.0/24.") from None
    return {name: request[name] for name in ("SourceIpConfig", "IpAddressType") if name in request}
