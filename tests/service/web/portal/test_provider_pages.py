"""People of an OpenID Connect provider come in, and nobody else does."""

from __future__ import annotations

import base64
import json
import re
import subprocess
from collections.abc import Callable
from typing import Any
from urllib.parse import parse_qsl, urlencode, urlsplit

import httpx
import pytest

from dev.identity_provider import CLIENT, Answer, IdentityProvider, ProviderBrowser
from dev.stack import Service
from tests.service.web.conftest import make_experts

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("birders")]

Owner = Callable[[str], Any]
Run = Callable[..., subprocess.CompletedProcess[str]]
TEAM = "experts"


@pytest.fixture
def browser(provider_browser: ProviderBrowser) -> ProviderBrowser:
    return provider_browser


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
    session = next(cookie for cookie in cookies if cookie.startswith("labeling_session="))
    assert all(part in session.lower() for part in ("httponly", "samesite=strict", "path=/portal", "max-age=43200"))
    assert "labeling_requester" not in browser.client.cookies
    page = browser.get("/portal/help")
    assert page.status_code == 200
    assert "Ada &lt;b&gt;Lovelace&lt;/b&gt;" in page.text


def test_who_is_in_no_workteam_is_not_let_in(browser: ProviderBrowser, provider: IdentityProvider) -> None:
    provider.person("eve", "strangers")
    back = browser.sign_in("eve")
    assert back.status_code == 403
    assert "You are not in a workteam" in back.text
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
    ("changed", "words"),
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
    browser: ProviderBrowser, provider: IdentityProvider, changed: dict[str, str], words: str
) -> None:
    provider.person("ada-1", "experts")
    address, _, query = browser.consent(browser.begin(), "ada-1").partition("?")
    back = browser.come_back(f"{address}?{urlencode({**dict(parse_qsl(query)), **changed})}")
    assert (back.status_code, words in back.text) == (403, True), back.text
    assert "<script>alert" not in back.text


@pytest.mark.parametrize(
    "onward",
    [
        *("//evil.example", "https://evil.example", "/../x", "/oauth2/idpresponse", "/_labelingx", "/_labeling@evil"),
        *(
            "/_labeling/../x",
            "/_labeling/%252e%252e/x",
            "/_labeling/a%5Cb",
            "/_labeling/?a=b",
            "/_labeling/" + "a" * 1_000,
        ),
    ],
)
def test_the_way_leads_nowhere_else(browser: ProviderBrowser, provider: IdentityProvider, onward: str) -> None:
    provider.person("ada-1", "experts")
    assert 'content="0;url=/portal/"' in browser.sign_in("ada-1", onward).text


def test_why_somebody_was_refused_is_in_the_log_and_no_secret_is(
    guarded: Service, browser: ProviderBrowser, provider: IdentityProvider
) -> None:
    provider.person("ada-1", "experts")
    with provider.lying("/oauth2/token", lambda _: ("500 Oh", [], b"the secret of the portal")):
        refused = browser.sign_in("ada-1")
    words = "TokenEndpoint answers with status 500."
    assert (refused.status_code, words in refused.text) == (403, True), refused.text
    log = (guarded.folder / "service.log").read_text()
    assert words in log
    assert "the secret of the portal" not in log


def test_the_secret_is_nowhere_in_the_database(guarded: Service) -> None:
    files = [path for path in (guarded.folder / "data").rglob("*") if path.is_file()]
    assert files
    assert not any(b"the secret of the portal" in path.read_bytes() for path in files)


def test_a_requester_comes_to_the_requester_s_pages_and_to_no_others(
    browser: ProviderBrowser, provider: IdentityProvider
) -> None:
    provider.person("rae", "data owners", name="Rae <i>")
    asked = browser.client.get("/_labeling/jobs/none?x=1", headers={"sec-fetch-site": "none", "accept": "text/html"})
    assert (asked.status_code, "Basic" in asked.headers["www-authenticate"]) == (401, False)
    assert 'href="/portal/sign-in/provider?onward=%2F_labeling%2F"' in asked.text
    # Whoever has a key is asked for it as before: at once, or by the link.
    other_way = re.search(r'href="(/_labeling/sign-in[^"]*)"', asked.text)
    assert other_way
    for path, accept in ((other_way[1], "text/html"), ("/_labeling/", "*/*")):
        refusal = browser.client.get(path, headers={"sec-fetch-site": "none", "accept": accept})
        assert (refusal.status_code, refusal.headers["www-authenticate"]) == (401, 'Basic realm="labeling"')
    job = browser.client.get("/_labeling/jobs/none", headers={"sec-fetch-site": "none", "accept": "text/html"})
    assert "onward=%2F_labeling%2Fjobs%2Fnone" in job.text
    back = browser.sign_in("rae", "/_labeling/own-keys")
    assert 'content="0;url=/_labeling/own-keys"' in back.text
    cookies = back.headers.get_list("set-cookie")
    session = next(cookie for cookie in cookies if cookie.startswith("labeling_requester="))
    wanted = ("httponly", "samesite=lax", "path=/_labeling", "max-age=43200")
    assert all(part in session.lower() for part in wanted)
    page = browser.get("/_labeling/")
    assert (page.status_code, "Rae &lt;i&gt;" in page.text) == (200, True)
    assert browser.get("/portal/").status_code == 303, "the worker portal is open to workers"
    for path in ("/_labeling/audit", "/_labeling/keys", "/_labeling/workers"):
        assert browser.get(path).status_code == 403
    assert 'content="0;url=/_labeling/"' in browser.sign_in("rae").text, "to what is open"


def test_who_is_no_requester_is_told_so(browser: ProviderBrowser, provider: IdentityProvider) -> None:
    provider.person("ada-1", "experts")
    back = browser.sign_in("ada-1", "/_labeling/")
    assert (back.status_code, "none of your groups is a requester group" in back.text) == (403, True)
    assert browser.get("/portal/").status_code == 303


def test_the_portal_s_cookie_opens_no_requester_s_page(browser: ProviderBrowser, provider: IdentityProvider) -> None:
    provider.person("sue", "experts", "requesters", "administrators")
    browser.sign_in("sue")
    portal, requester = (browser.client.cookies[f"labeling_{name}"] for name in ("session", "requester"))
    for token, status in ((portal, 401), (requester, 200), ("x", 401)):
        given = {"sec-fetch-site": "none", "cookie": f"labeling_requester={token}"}
        assert httpx.get(f"{browser.endpoint_url}/_labeling/audit", headers=given).status_code == status
    given = {"sec-fetch-site": "none", "cookie": f"labeling_session={requester}"}
    assert httpx.get(f"{browser.endpoint_url}/portal/", headers=given).status_code == 303


def test_a_session_ends_as_a_whole(run: Run, browser: ProviderBrowser, provider: IdentityProvider) -> None:
    provider.person("tess", "experts", "requesters", name="Tess")
    same = {"origin": browser.endpoint_url, "sec-fetch-site": "same-origin"}
    for way in ("/portal/help", "/_labeling/own-keys", "sign-out"):
        browser.sign_in("tess")
        cookies = dict(browser.client.cookies)
        assert (browser.get("/portal/").status_code, browser.get("/_labeling/").status_code) == (200, 200)
        if way == "sign-out":
            listed = next(line for line in run("workers", "list").stdout.splitlines() if line.startswith("Tess  "))
            assert "  requester  " in listed
            run("workers", "sign-out", listed.split()[1])
        else:
            token = re.search(r'name="token" value="([0-9a-f]+)"', browser.get(way).text)
            assert token
            out = browser.client.post(f"/{way.split('/')[1]}/sign-out", data={"token": token[1]}, headers=same)
            assert f"{provider.issuer}/oauth2/end_session?" in out.text
            assert not browser.client.cookies
        browser.client.cookies.update(cookies)
        assert (browser.get("/portal/").status_code, browser.get("/_labeling/").status_code) == (303, 401), way
        browser.client.cookies.clear()


def test_groups_that_the_provider_has_not_signed_give_nothing(
    browser: ProviderBrowser, provider: IdentityProvider
) -> None:
    provider.person("mal", "experts")

    def forged(answer: Answer) -> Answer:
        status, headers, content = answer
        tokens = json.loads(content)
        head, claims, signature = tokens["id_token"].split(".")
        known = json.loads(base64.urlsafe_b64decode(claims + "=="))
        known["sagemaker:groups"] = ["administrators"]
        claims = base64.urlsafe_b64encode(json.dumps(known).encode()).decode().rstrip("=")
        return status, headers, json.dumps({**tokens, "id_token": f"{head}.{claims}.{signature}"}).encode()

    with provider.lying("/oauth2/token", forged):
        back = browser.sign_in("mal", "/_labeling/")
    assert (back.status_code, "The id token is not valid: BadSignature" in back.text) == (403, True), back.text
    assert browser.get("/_labeling/").status_code == 401


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
    link = re.search(r'content="0;url=([^"]+)"', page.text)
    assert link, page.text
    address = link[1].replace("&amp;", "&")
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
        make_experts(sagemaker)
