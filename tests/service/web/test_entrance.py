"""Who is let in, request by request; what clients see of it is in the tests of the room's security."""

from __future__ import annotations

import asyncio
import base64
from typing import Any, cast

import pytest

from labeling_provider.service.database.states import Role
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.entrance import Admitted, Entrance
from labeling_provider.service.web.monitoring import Monitoring
from labeling_provider.service.web.private_workforces import Workforces
from labeling_provider.service.web.request_threads import RequestThreads
from labeling_provider.service.web.requests import RequestHead
from labeling_provider.service.web.signatures import Credentials
from labeling_provider.service.work.requesters import ADMINISTRATOR, ApiKeys, Requester

OWNER, ANN = Credentials("owner", "secret"), Requester("Ann", Role.REQUESTER)


class Keys:
    """Ann's key, and how often keys were used."""

    def __init__(self) -> None:
        self.used: list[str] = []

    def find(self, access_key_id: str) -> tuple[Requester, str] | None:
        return (ANN, "hers") if access_key_id == "ann" else None

    def was_used(self, access_key_id: str) -> None:
        self.used.append(access_key_id)


class Token:
    def has_token(self, authorization: str) -> bool:
        return authorization == "Bearer token"


class Near:
    """Workforces whose people are near."""

    def known_to_enter(self, address: str) -> bool | None:
        return True if address == "known" else None

    def may_enter(self, address: str) -> bool:
        return address == "near"


def make_entrance(credentials: Credentials | None, keys: Keys | None = None) -> Entrance:
    near = cast(Workforces, Near())
    return Entrance(
        RequestThreads(),
        cast(Monitoring, Token()),
        credentials,
        link_credentials=Credentials("link", "known to nobody"),
        workforces=near,
        keys=cast(ApiKeys, keys) if keys else None,
    )


def head_of(path: str, method: str, **headers: str) -> RequestHead:
    scope: dict[str, Any] = {
        "type": "http",
        "scheme": "http",
        "http_version": "1.1",
        "method": method,
        "raw_path": path.partition("?")[0].encode(),
        "query_string": path.partition("?")[2].encode(),
        "headers": [(name.encode(), value.encode()) for name, value in {"host": "localhost", **headers}.items()],
    }
    return RequestHead.of(scope)


def admit(entrance: Entrance, path: str = "/_labeling/", method: str = "GET", **headers: str) -> Admitted:
    return asyncio.run(entrance.admit(head_of(path, method, **headers), "127.0.0.1"))


def basic(name: str, password: str) -> str:
    return "Basic " + base64.b64encode(f"{name}:{password}".encode()).decode()


def test_without_credentials_only_this_machine_is_answered_for() -> None:
    assert admit(make_entrance(None)).who is ADMINISTRATOR
    with pytest.raises(ApiError, match="does not answer for the host"):
        admit(make_entrance(None), host="lab.example")


def test_pages_are_for_those_with_a_key_and_its_use_is_noted() -> None:
    keys = Keys()
    entrance = make_entrance(OWNER, keys)
    assert admit(entrance, authorization=basic("owner", "secret")).who is ADMINISTRATOR
    assert keys.used == []
    assert admit(entrance, authorization=basic("ann", "hers")).who is ANN
    assert keys.used == ["ann"]
    for wrong in (basic("owner", "hers"), basic("ann", "secret"), basic("nobody", ""), "Basic ?", ""):
        with pytest.raises(ApiError, match="Sign in with an access key"):
            admit(entrance, authorization=wrong)
    assert keys.used == ["ann"]


def test_metrics_are_for_the_administrator_or_a_token_and_probes_for_everybody() -> None:
    entrance = make_entrance(OWNER, Keys())
    admit(entrance, "/healthz")
    admit(entrance, "/metrics", authorization="Bearer token")
    admit(entrance, "/metrics", authorization=basic("owner", "secret"))
    with pytest.raises(ApiError, match="Metrics are for the administrator"):
        admit(entrance, "/metrics", authorization=basic("ann", "hers"))
    with pytest.raises(ApiError, match="Sign in"):
        admit(entrance, "/metrics")


@pytest.mark.parametrize("credentials", [None, OWNER])
def test_the_key_of_links_does_nothing_but_read_objects(credentials: Credentials | None) -> None:
    scope = "20261128/us-east-1/{}/aws4_request"
    signed = "AWS4-HMAC-SHA256 Credential=link/{}, SignedHeaders=host;x-amz-date, Signature=" + "0" * 64
    also = {"x-amz-date": "20261128T000000Z", "x-amz-content-sha256": "0" * 64}
    for service, method, path in (("sagemaker", "POST", "/"), ("s3", "PUT", "/lab/key"), ("s3", "GET", "/lab/key")):
        headers = {"authorization": signed.format(scope.format(service)), **also}
        with pytest.raises(ApiError, match="This key is for links that read objects"):
            admit(make_entrance(credentials), path, method, **headers)


def test_api_calls_without_a_signature_are_refused_where_credentials_are_demanded() -> None:
    admit(make_entrance(None), "/", "POST")
    with pytest.raises(ApiError, match="accepts only requests signed with its credentials"):
        admit(make_entrance(OWNER), "/", "POST")


def test_a_browser_at_the_bare_address_is_led_on_and_nobody_else() -> None:
    browser = {"accept": "text/html,*/*;q=0.8"}

    def direction(credentials: Credentials | None, path: str = "/", method: str = "GET", **headers: str) -> str | None:
        head = head_of(path, method, **headers)
        response = asyncio.run(make_entrance(credentials).direction(head, headers.get("address", "known")))
        return response.headers["location"] if response else None

    assert (direction(OWNER, **browser), direction(None, **browser)) == ("/portal/", "/_labeling/")
    assert direction(OWNER, **browser, host="lab.example") == "/portal/"
    assert direction(None, **browser, host="lab.example") is None
    assert direction(OWNER, **browser, address="far") is None
    assert direction(OWNER, **browser, authorization="AWS4") is None
    assert direction(OWNER, **browser, host="bucket.localhost") is None
    assert direction(OWNER) is None
    for path, method in (("/", "POST"), ("/?acl", "GET"), ("/bucket", "GET")):
        assert direction(OWNER, path, method, **browser) is None


def test_people_come_to_the_portal_from_the_addresses_of_the_workforces() -> None:
    entrance = make_entrance(None)
    assert [asyncio.run(entrance.may_enter(address)) for address in ("known", "near", "far")] == [True, True, False]
