"""People of an OpenID Connect provider come in, and nobody else does."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import pytest

from dev.identity_provider import CLIENT, IdentityProvider, ProviderBrowser
from dev.stack import Service

pytestmark = pytest.mark.e2e

Owner = Callable[[str], Any]
Run = Callable[..., subprocess.CompletedProcess[str]]
TEAM = "experts"


@pytest.fixture(scope="module", autouse=True)
def _workforce(owner: Owner, provider: IdentityProvider) -> Iterator[None]:
    """A workforce with the provider, and a workteam of one group."""
    sagemaker = owner("sagemaker")
    sagemaker.create_workforce(WorkforceName="birders", OidcConfig=provider.config())
    member: Any = {"OidcMemberDefinition": {"Groups": ["experts"]}}
    sagemaker.create_workteam(WorkteamName=TEAM, MemberDefinitions=[member], Description="x", WorkforceName="birders")
    yield
    sagemaker.delete_workteam(WorkteamName=TEAM)
    sagemaker.delete_workforce(WorkforceName="birders")


@pytest.fixture
def browser(guarded: Service, provider: IdentityProvider) -> Iterator[ProviderBrowser]:
    """A browser in which nobody has signed in."""
    browser = ProviderBrowser(guarded.endpoint_url, provider)
    yield browser
    browser.client.close()


def test_somebody_of_the_provider_signs_in_and_goes_on(browser: ProviderBrowser, provider: IdentityProvider) -> None:
    provider.person("ada-1", "experts", "others", name="Ada <b>Lovelace</b>")
    assert "/portal/sign-in/provider?onward=/help" in browser.get("/portal/sign-in?onward=/help").text
    there = dict(parse_qsl(urlsplit(browser.begin("/help")).query))
    assert there["client_id"] == CLIENT
    assert there["scope"] == "openid"
    assert there["redirect_uri"] == f"{browser.endpoint_url}/portal/oauth2/idpresponse"
    assert len({there["state"], there["nonce"], there["code_challenge"]}) == 3
    back = browser.sign_in("ada-1", "/help")
    assert back.status_code == 200
    # A strict cookie does not come along with a redirect from another site: the page itself goes on.
    assert '<meta http-equiv="refresh" content="0;url=/portal/help">' in back.text
    cookies = back.headers.get_list("set-cookie")
    session = next(one for one in cookies if one.startswith("labeling_session="))
    assert all(part in session.lower() for part in ("httponly", "samesite=strict", "path=/portal", "max-age=43200"))
    page = browser.get("/portal/help")
    assert page.status_code == 200
    assert "Ada &lt;b&gt;Lovelace&lt;/b&gt;" in page.text


def test_who_is_in_no_workteam_is_not_let_in(browser: ProviderBrowser, provider: IdentityProvider) -> None:
    provider.person("eve", "strangers")
    back = browser.sign_in("eve")
    assert back.status_code == 403
    assert "You are in no workteam" in back.text
    assert browser.get("/portal/").status_code == 303


def test_only_the_browser_that_has_begun_can_finish(
    guarded: Service, browser: ProviderBrowser, provider: IdentityProvider
) -> None:
    provider.person("mallory", "experts")
    address = browser.consent(browser.begin(), "mallory")
    other = ProviderBrowser(guarded.endpoint_url, provider)
    assert other.come_back(address).status_code == 403, "no cookie"
    other.begin()
    assert other.come_back(address).status_code == 403, "the cookie of another sign-in"
    assert browser.come_back(address).status_code == 200
    again = browser.come_back(address)
    assert again.status_code == 403, "a code is good for once"
    other.client.close()


@pytest.mark.parametrize(
    ("changed", "told"),
    [
        ({"state": "x"}, "another browser"),
        ({"iss": "https://evil.example"}, "another identity provider"),
        ({"error": "access_denied", "code": ""}, "access_denied"),
        ({"error": "<script>alert(1)</script>"}, "an error"),
        ({"code": ""}, "no code"),
        ({"code": "x" * 5_000}, "no code"),
        ({"code": "guessed"}, "TokenEndpoint"),
    ],
)
def test_what_the_browser_brings_back_is_checked(
    browser: ProviderBrowser, provider: IdentityProvider, changed: dict[str, str], told: str
) -> None:
    provider.person("ada-1", "experts")
    address, _, query = browser.consent(browser.begin(), "ada-1").partition("?")
    back = browser.come_back(f"{address}?{urlencode({**dict(parse_qsl(query)), **changed})}")
    assert (back.status_code, told in back.text) == (403, True), back.text
    assert "<script>alert" not in back.text


@pytest.mark.parametrize("onward", ["//evil.example", "https://evil.example", "/../x", "/oauth2/idpresponse"])
def test_the_way_leads_nowhere_else(browser: ProviderBrowser, provider: IdentityProvider, onward: str) -> None:
    provider.person("ada-1", "experts")
    assert 'content="0;url=/portal/"' in browser.sign_in("ada-1", onward).text


def test_why_somebody_was_refused_is_in_the_log_and_no_secret_is(
    guarded: Service, browser: ProviderBrowser, provider: IdentityProvider
) -> None:
    provider.person("ada-1", "experts")
    with provider.lying("/oauth2/token", lambda _: ("500 Oh", [], b"the secret of the portal")):
        refused = browser.sign_in("ada-1")
    told = "TokenEndpoint answers with status 500."
    assert (refused.status_code, told in refused.text) == (403, True), refused.text
    log = (guarded.folder / "service.log").read_text()
    assert told in log
    assert "the secret of the portal" not in log


def test_the_secret_is_nowhere_in_the_database(guarded: Service) -> None:
    files = [path for path in (guarded.folder / "data").rglob("*") if path.is_file()]
    assert files
    assert not any(b"the secret of the portal" in path.read_bytes() for path in files)


def test_signing_out_ends_the_session_with_the_provider_as_well(
    browser: ProviderBrowser, provider: IdentityProvider
) -> None:
    provider.person("ada-1", "experts")
    browser.sign_in("ada-1")
    token = re.search(r'name="token" value="([0-9a-f]+)"', browser.get("/portal/help").text)
    assert token
    cookies = dict(browser.client.cookies)
    same = {"origin": browser.endpoint_url, "sec-fetch-site": "same-origin"}
    page = browser.client.post("/portal/sign-out", data={"token": token[1]}, headers=same)
    found = re.search(r'content="0;url=([^"]+)"', page.text)
    assert found, page.text
    address = found[1].replace("&amp;", "&")
    assert address.startswith(f"{provider.issuer}/oauth2/end_session?")
    wanted = {"client_id": CLIENT, "post_logout_redirect_uri": f"{browser.endpoint_url}/portal/sign-in"}
    assert dict(parse_qsl(urlsplit(address).query)) == wanted
    browser.client.cookies.update(cookies)
    assert browser.get("/portal/").status_code == 303


def test_an_administrator_ends_somebody_s_sessions(
    run: Run, browser: ProviderBrowser, provider: IdentityProvider
) -> None:
    provider.person("cy", "experts", name="Cy")
    browser.sign_in("cy")
    assert browser.get("/portal/").status_code == 200
    listed = run("workers", "list", "--team", TEAM).stdout
    line = next(line for line in listed.splitlines() if line.startswith("Cy  "))
    assert line.endswith(f"  ({provider.issuer})")
    assert run("workers", "sign-out", line.split()[1]).stdout == "1 sessions ended\n"
    assert browser.get("/portal/").status_code == 303
    assert run("workers", "sign-out", "nobody at all").returncode == 1


def test_who_leaves_the_last_workteam_is_out_at_once(
    owner: Owner, browser: ProviderBrowser, provider: IdentityProvider
) -> None:
    provider.person("di", "experts")
    browser.sign_in("di")
    assert browser.get("/portal/").status_code == 200
    change = owner("sagemaker").update_workteam
    try:
        change(WorkteamName=TEAM, MemberDefinitions=[{"OidcMemberDefinition": {"Groups": ["others"]}}])
        assert browser.get("/portal/").status_code == 303
    finally:
        change(WorkteamName=TEAM, MemberDefinitions=[{"OidcMemberDefinition": {"Groups": ["experts"]}}])
    provider.person("di", "strangers")
    assert browser.sign_in("di").status_code == 403, "the provider has taken the group away"
    assert browser.get("/portal/").status_code == 303, "so has the earlier session"


def test_people_of_the_provider_are_nobody_else(run: Run, browser: ProviderBrowser, provider: IdentityProvider) -> None:
    assert run("workers", "add", "Fay", "--team", "private-people").returncode == 0
    for sub in ("fay-1", "fay-2"):
        provider.person(sub, "experts", name="Fay")
        assert browser.sign_in(sub).status_code == 200
    lines = [line for line in run("workers", "list").stdout.splitlines() if line.startswith("Fay  ")]
    assert len({line.split()[1] for line in lines}) == 3
    assert sum(provider.issuer in line for line in lines) == 2
    assert run("workers", "remove", "Fay").returncode == 0
    assert browser.get("/portal/").status_code == 200


def test_parameters_that_the_service_sets_can_t_be_set_otherwise(owner: Owner, provider: IdentityProvider) -> None:
    sagemaker = owner("sagemaker")
    sagemaker.delete_workteam(WorkteamName=TEAM)
    try:
        extra = provider.config(AuthenticationRequestExtraParams={"redirect_uri": "https://evil.example"})
        with pytest.raises(sagemaker.exceptions.ClientError, match="can't set redirect_uri"):
            sagemaker.update_workforce(WorkforceName="birders", OidcConfig=extra)
        for address in ("https://user:p@idp.example/x", 'https://idp.example/"><b>', "https://idp.example/#x"):
            with pytest.raises(sagemaker.exceptions.ClientError, match="OidcConfig.LogoutEndpoint must be"):
                sagemaker.update_workforce(WorkforceName="birders", OidcConfig=provider.config(LogoutEndpoint=address))
    finally:
        member: Any = {"OidcMemberDefinition": {"Groups": ["experts"]}}
        sagemaker.create_workteam(WorkteamName=TEAM, MemberDefinitions=[member], Description="x")
