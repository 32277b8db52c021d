"""People of an OpenID Connect provider. A workforce says which one; workteams name the groups of their people.

Who is in which group only the provider knows, and it tells that at each sign-in.
"""

from __future__ import annotations

from typing import Final

from labeling_provider.service.cloud.openid import Provider, SignedInWorker, SignInRefused
from labeling_provider.service.cloud.sealing import Seal, Unreadable
from labeling_provider.service.database import people_rows, workforce_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.work.people import People

CLIENT_SECRET: Final = "client secret"  # noqa: S105 - what is encrypted
SESSION_SECONDS: Final = 12 * 3600.0
"""A working day: after it, the provider is asked again which groups a person is in."""


class SingleSignOn:
    """How people of the provider come in.

    :param seal: decrypts the client's secret.
    """

    def __init__(self, database: Database, people: People, region: str, seal: Seal) -> None:
        self._database, self._people, self._region, self._seal = database, people, region, seal

    def provider(self) -> Provider | None:
        """The provider of the workforce; None if it has none.

        :raises SignInRefused: if the client's secret can't be decrypted.
        """
        with self._database.read() as connection:
            row = workforce_rows.of_openid(connection)
            if row is None:
                return None
            secret, is_sealed = workforce_rows.secret_of(connection, row.name)
        try:
            plain = self._seal.unseal(secret or "", CLIENT_SECRET) if is_sealed else secret or ""
        except Unreadable as error:
            raise SignInRefused(str(error)) from None
        return Provider.of(row.identity["OidcConfig"], plain)

    def is_there(self) -> bool:
        """Whether the workforce has a provider."""
        with self._database.read() as connection:
            return workforce_rows.of_openid(connection) is not None

    def enter(self, provider: Provider, worker: SignedInWorker) -> str:
        """Sign somebody in whom the provider has told of.

        :return: the session's token.
        :raises SignInRefused: if the person is in no workteam.
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
        if not self._people.teams(row):
            raise SignInRefused("You are in no workteam: none of your groups belongs to one.")
        return self._people.open_session(row, SESSION_SECONDS)
