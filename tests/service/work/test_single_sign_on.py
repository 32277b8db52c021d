"""People of an identity provider get the sessions that their groups give them, and no others."""

from __future__ import annotations

import pytest

from labeling_provider.service.cloud.openid import SignedInWorker, SignInRefused
from labeling_provider.service.cloud.sealing import Seal, Unreadable
from labeling_provider.service.database import workforce_rows, workteam_rows
from labeling_provider.service.database.database import Database
from labeling_provider.service.database.states import Role
from labeling_provider.service.work.requesters import GroupRoles
from labeling_provider.service.work.single_sign_on import CLIENT_SECRET, SignedIn, SingleSignOn
from tests.service.in_process import ACCOUNT, REGION
from tests.service.work.coming_in import Process
from tests.service.work.conftest import SetClock

SEAL = Seal(["x" * 32])
ADDRESSES = ("AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint", "LogoutEndpoint", "JwksUri")
CONFIG = {"Issuer": "https://idp", "ClientId": "us", **{name: f"https://idp/{name}" for name in ADDRESSES}}
TEAM = f"arn:aws:sagemaker:{REGION}:{ACCOUNT}:workteam/private-crowd/vets"


def of_provider(database: Database, secret: str, *, is_sealed: bool) -> None:
    """A workforce of the provider, and a workteam of its group "vets"."""
    with database.write() as connection:
        workforce_rows.insert(
            connection,
            name="own",
            arn="arn-own",
            identity={"OidcConfig": CONFIG},
            client_secret=secret,
            is_sealed=is_sealed,
            settings={},
        )
        members = [{"OidcMemberDefinition": {"Groups": ["vets"]}}]
        settings = {"WorkforceName": "own"}
        workteam_rows.insert(connection, name="vets", arn=TEAM, description="", members=members, settings=settings)


@pytest.fixture
def own(database: Database, clock: SetClock) -> Process:
    return Process.of(database, clock, roles=GroupRoles(frozenset({"owners"}), frozenset({"admins"})))


def single_sign_on(database: Database, own: Process, seal: Seal = SEAL) -> SingleSignOn:
    return SingleSignOn(database, own.people, own.sign_ins, REGION, seal)


def test_the_clients_secret_is_known_only_to_who_has_the_key(database: Database, own: Process) -> None:
    sign_on = single_sign_on(database, own)
    assert (sign_on.provider(), sign_on.is_there(), sign_on.is_for_requesters()) == (None, False, False)
    of_provider(database, SEAL.seal("hush", CLIENT_SECRET), is_sealed=True)
    provider = sign_on.provider()
    assert provider is not None
    assert (provider.issuer, provider.client_secret) == ("https://idp", "hush")
    assert sign_on.is_for_requesters()
    sign_on.check_seal()
    other = single_sign_on(database, own, Seal(["y" * 32]))
    with pytest.raises(SignInRefused):
        other.provider()
    with pytest.raises(Unreadable):
        other.check_seal()


def test_the_secret_of_a_workforce_from_before_the_key_is_used_as_it_is(database: Database, own: Process) -> None:
    of_provider(database, "plain", is_sealed=False)
    provider = single_sign_on(database, own).provider()
    assert provider is not None
    assert provider.client_secret == "plain"


def test_somebody_comes_to_the_pages_that_the_groups_open_and_to_no_others(database: Database, own: Process) -> None:
    of_provider(database, "plain", is_sealed=False)
    sign_on = single_sign_on(database, own)
    provider = sign_on.provider()
    assert provider is not None

    def enter(*groups: str, to_requester: bool = False) -> SignedIn:
        return sign_on.enter(provider, SignedInWorker("sub-1", "Ann", frozenset(groups)), to_requester)

    worker = enter("vets")
    assert (worker.role, worker.requester) == (Role.WORKER, None)
    person = own.sign_ins.of_session(worker.portal or "")
    assert person is not None
    assert (person.worker_id, person.teams) == (worker.worker_id, {TEAM})
    owner = enter("owners", to_requester=True)
    assert (owner.role, owner.portal, owner.worker_id) == (Role.REQUESTER, None, worker.worker_id)
    assert own.sign_ins.of_requester_session(owner.requester or "") is not None
    both = enter("vets", "admins")
    assert both.role is Role.ADMINISTRATOR
    assert both.portal
    assert both.requester
    with pytest.raises(SignInRefused, match="You can't create labeling jobs"):
        enter("vets", to_requester=True)
    with pytest.raises(SignInRefused, match="You are not in a workteam"):
        enter("others")
    assert own.sign_ins.of_session(worker.portal or "") is None, "the groups of the last sign-in count"
