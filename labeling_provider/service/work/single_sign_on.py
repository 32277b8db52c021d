"""People of an OpenID Connect provider. A workforce says which one; workteams name the groups of their people.

Only the provider knows who is in which group, and says so at each sign-in.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Final

from labeling_provider.groundtruth.workforce_identity import WorkforceIdentity
from labeling_provider.service.cloud.openid import Provider, SignedInWorker, SignInRefused
from labeling_provider.service.cloud.sealing import Seal, Unreadable
from labeling_provider.service.database import people_rows, workforce_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.states import Role
from labeling_provider.service.work.people import People
from labeling_provider.service.work.sign_ins import SignIns, portal_token

CLIENT_SECRET: Final = "client secret"  # noqa: S105 - what is encrypted
SIGN_ON_SECONDS: Final = 12 * 3600.0
"""A working day: after it, the provider is asked again which groups a person is in."""


@dataclass(frozen=True)
class SignedIn:
    """A person who has signed in.

    :param name: the name that the provider gives.
    :param portal: the session's token for the worker portal; None if the person may not use that.
    :param requester: the session's token for the requester's pages; None if the person may not use them.
    """

    worker_id: str
    name: str
    role: Role
    portal: str | None = field(repr=False)
    requester: str | None = field(repr=False)


class SingleSignOn:
    """Sign-in for people of the provider.

    :param seal: decrypts the client's secret.
    """

    def __init__(self, database: Database, people: People, sign_ins: SignIns, region: str, seal: Seal) -> None:
        self._database, self._people, self._sign_ins, self._region, self._seal = (
            database,
            people,
            sign_ins,
            region,
            seal,
        )

    def provider(self) -> Provider | None:
        """The provider of the workforce; None if it has none.

        :raises SignInRefused: if the client's secret can't be decrypted.
        """
        try:
            return self._provider()
        except Unreadable as error:
            raise SignInRefused(str(error)) from None

    def check_seal(self) -> None:
        """Check that the client's secret can be decrypted, if there is one.

        :raises Unreadable: if it can't.
        """
        self._provider()

    def _provider(self) -> Provider | None:
        with self._database.read() as connection:
            row = workforce_rows.of_openid(connection)
            provider = WorkforceIdentity(row.identity).provider if row else None
            if row is None or provider is None:
                return None
            secret, is_sealed = workforce_rows.secret_of(connection, row.name)
        plain = self._seal.unseal(secret or "", CLIENT_SECRET) if is_sealed else secret or ""
        return Provider.of(provider, plain)

    def is_there(self) -> bool:
        """Whether the workforce has a provider."""
        with self._database.read() as connection:
            return workforce_rows.of_openid(connection) is not None

    def is_for_requesters(self) -> bool:
        """Whether people of the provider can come to the requester's pages."""
        return self._people.roles.are_there and self.is_there()

    def enter(self, provider: Provider, worker: SignedInWorker, to_requester: bool = False) -> SignedIn:
        """Sign in a person whom the provider has identified.

        :param to_requester: whether the person wants to see a requester's page.
        :raises SignInRefused: if none of the person's groups allows that.
        """
        with self._database.write() as connection:
            row = people_rows.enter(
                connection,
                issuer=provider.issuer,
                sub=worker.sub,
                name=worker.name,
                groups=worker.groups,
                worker_id=people_rows.new_worker_id(self._region),
            )
        labels, role = bool(self._people.teams(row)), self._people.role_of(row.worker_id)
        if to_requester and role is Role.WORKER:
            raise SignInRefused("You can't create labeling jobs: none of your groups is a requester group.")
        if not labels and role is Role.WORKER:
            raise SignInRefused("You are not in a workteam: none of your groups belongs to one.")
        token = self._sign_ins.open_requester_session(row, SIGN_ON_SECONDS)
        return SignedIn(
            row.worker_id,
            row.name,
            role,
            portal=portal_token(token) if labels else None,
            requester=token if role is not Role.WORKER else None,
        )
