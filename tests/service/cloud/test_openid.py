"""What an OpenID Connect provider may say, and what it may not."""

from __future__ import annotations

import asyncio
import json
import time
from collections.abc import Callable
from contextlib import ExitStack
from threading import Event
from typing import Any

import jwt
import pytest
from cryptography.hazmat.primitives.asymmetric import rsa

from dev.identity_provider import CLIENT, SECRET, Answer, IdentityProvider, json_answer
from labeling_provider.service.cloud.openid import (
    Attempt,
    OpenId,
    Provider,
    SignedInWorker,
    SignInRefused,
    is_address,
    worker_of,
)

RETURN_TO = "http://127.0.0.1:1/portal/oauth2/idpresponse"
OTHER_KEY = rsa.generate_private_key(65537, 2048)


@pytest.fixture(autouse=True)
def _trusting(provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SSL_CERT_FILE", str(provider.certificate))


def sign_in(
    provider: IdentityProvider, sub: str, lies: dict[str, Callable[[Answer], Answer]] | None = None
) -> SignedInWorker:
    """All the way to the provider and back."""
    settings, attempt = Provider.of(provider.config(), SECRET), Attempt()
    code = attempt.code(settings, provider.code(attempt.url(settings, RETURN_TO), sub))
    with ExitStack() as lying:
        for path, lie in (lies or {}).items():
            lying.enter_context(provider.lying(path, lie))
        return asyncio.run(OpenId().worker(settings, attempt, code, RETURN_TO))


def signed(provider: IdentityProvider, key: Any, algorithm: str, **changed: Any) -> dict[str, Any]:
    """Lies by which an id token has other claims, and is signed in another way."""

    def lie(answer: Answer) -> Answer:
        tokens = json.loads(answer[2])
        claims = {**jwt.decode(tokens["id_token"], options={"verify_signature": False}), **changed}
        kept = {name: value for name, value in claims.items() if value is not None}
        tokens["id_token"] = jwt.encode(kept, key, algorithm)
        return answer[0], answer[1], json.dumps(tokens).encode()

    return {"/oauth2/token": lie}


def keys_of(key: Any) -> dict[str, Any]:
    """A lie by which the provider's key is the test's; it has others of which nobody has heard."""
    public = json.loads(jwt.algorithms.RSAAlgorithm.to_jwk(key.public_key()))
    others = [{"kty": "unknown"}, {"kty": "RSA", "n": "?"}, 7, {**public, "kid": "a", "use": "enc"}]
    return {"/jwks": json_answer({"keys": [*others, {**public, "use": "sig"}]})}


def test_who_has_signed_in_is_known(provider: IdentityProvider) -> None:
    provider.person("ada", "experts", "others", name=" Ada\u202e \n Lovelace ")
    assert sign_in(provider, "ada") == SignedInWorker("ada", "Ada Lovelace", frozenset({"experts", "others"}))
    provider.asked.clear()
    sign_in(provider, "ada")
    assert "/userinfo" not in provider.asked


def test_claims_may_come_from_the_user_info_and_with_hyphens(provider: IdentityProvider) -> None:
    claims = {
        "sagemaker-sub": "bo-1",
        "sagemaker-name": "Bo",
        "sagemaker-groups": "experts",
        "sagemaker-client_id": CLIENT,
    }
    provider.person("bo", **{f"sagemaker:{name}": None for name in ("sub", "name", "groups", "client_id")})
    worker = sign_in(provider, "bo", {"/userinfo": json_answer({"sub": "bo", **claims})})
    assert worker == SignedInWorker("bo-1", "Bo", frozenset({"experts"}))
    with pytest.raises(SignInRefused, match="answered about a different person"):
        sign_in(provider, "bo", {"/userinfo": json_answer({"sub": "ann", **claims})})


def test_a_key_that_is_new_is_read(provider: IdentityProvider) -> None:
    provider.person("ada", "experts")
    assert sign_in(provider, "ada", {**signed(provider, OTHER_KEY, "RS256"), **keys_of(OTHER_KEY)}).sub == "ada"
    assert (
        sign_in(provider, "ada", {**signed(provider, OTHER_KEY, "PS512", at_hash=None), **keys_of(OTHER_KEY)}).sub
        == "ada"
    )


@pytest.mark.parametrize(
    ("algorithm", "key"),
    [("RS256", OTHER_KEY), ("none", None), ("HS256", SECRET), ("HS512", "the public key, as some libraries took it")],
)
def test_a_token_that_the_provider_has_not_signed_is_refused(
    provider: IdentityProvider, algorithm: str, key: Any
) -> None:
    provider.person("ada", "experts")
    with pytest.raises(SignInRefused, match="The id token"):
        sign_in(provider, "ada", signed(provider, key, algorithm))


@pytest.mark.parametrize(
    ("changed", "about"),
    [
        ({"iss": "https://evil.example"}, "iss"),
        ({"aud": "another"}, "aud"),
        ({"aud": [CLIENT, "another"]}, "azp"),
        ({"aud": [CLIENT, "another"], "azp": "another"}, "azp"),
        ({"exp": 1_000}, "Expired"),
        ({"exp": None}, "exp"),
        ({"exp": "never"}, "exp"),
        ({"iat": None}, "iat"),
        ({"iat": int(time.time()) + 3_600}, "iat"),
        ({"nonce": "another"}, "nonce"),
        ({"nonce": None}, "nonce"),
        ({"at_hash": "x"}, "at_hash"),
        ({"sub": None}, "sub"),
        ({"sub": 7}, "sub"),
    ],
)
def test_every_claim_of_the_token_is_checked(provider: IdentityProvider, changed: dict[str, Any], about: str) -> None:
    provider.person("ada", "experts")
    with pytest.raises(SignInRefused, match=f"The id token .*{about}"):
        sign_in(provider, "ada", {**signed(provider, OTHER_KEY, "RS256", **changed), **keys_of(OTHER_KEY)})


def huge(_: Answer) -> Answer:
    return "200 OK", [("content-type", "application/json")], b'{"x": "' + b"x" * 300_000 + b'"}'


def elsewhere(_: Answer) -> Answer:
    return "302 Found", [("location", "http://169.254.169.254/latest/meta-data")], b""


@pytest.mark.parametrize(
    ("path", "lie", "reason"),
    [
        ("/oauth2/token", huge, "TokenEndpoint answers with more than"),
        ("/jwks", huge, "JwksUri answers with more than"),
        ("/oauth2/token", elsewhere, "TokenEndpoint answers with status 302"),
        ("/oauth2/token", json_answer([]), "TokenEndpoint does not answer with a JSON object"),
        ("/oauth2/token", json_answer({}), "no id_token"),
        (
            "/oauth2/token",
            json_answer({"id_token": "x.y", "access_token": "a", "token_type": "Bearer"}),
            "The id token",
        ),
        (
            "/oauth2/token",
            json_answer({"id_token": "x", "access_token": "a", "token_type": "mac"}),
            "not a Bearer token",
        ),
        ("/oauth2/token", lambda _: ("200 OK", [], b"[" * 200_000), "does not answer with a JSON object"),
        ("/oauth2/token", lambda _: ("500 Oh", [], SECRET.encode()), "TokenEndpoint answers with status 500"),
        ("/jwks", json_answer({"keys": "all"}), "JwksUri may list"),
        ("/jwks", json_answer({"keys": [{}] * 101}), "JwksUri may list"),
        ("/jwks", json_answer({"keys": []}), "The id token is not valid"),
    ],
)
def test_the_provider_can_do_no_harm(
    provider: IdentityProvider, path: str, lie: Callable[[Answer], Answer], reason: str
) -> None:
    provider.person("ada", "experts")
    with pytest.raises(SignInRefused, match=reason) as refused:
        sign_in(provider, "ada", {path: lie})
    assert SECRET not in str(refused.value)


def test_a_provider_that_does_not_answer_keeps_nobody(
    provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("labeling_provider.service.cloud.openid.SECONDS", 0.2)
    provider.person("ada", "experts")
    over = Event()

    def late(answer: Answer) -> Answer:
        over.wait(60)
        return answer

    with pytest.raises(SignInRefused, match="TokenEndpoint does not answer: TimeoutError"):
        sign_in(provider, "ada", {"/oauth2/token": late})
    over.set()


def test_a_provider_that_is_not_there_is_named(provider: IdentityProvider) -> None:
    closed = Provider.of(provider.config(TokenEndpoint="https://localhost:1/token"), SECRET)
    with pytest.raises(SignInRefused, match="TokenEndpoint does not answer: ConnectError"):
        asyncio.run(OpenId().worker(closed, Attempt(), "code", RETURN_TO))


def test_the_provider_s_certificate_is_checked(provider: IdentityProvider, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv("SSL_CERT_FILE")
    provider.person("ada", "experts")
    with pytest.raises(SignInRefused, match="TokenEndpoint does not answer: ConnectError"):
        sign_in(provider, "ada")


GOOD = {"sagemaker:sub": "a", "sagemaker:name": "A", "sagemaker:groups": ["g"], "sagemaker:client_id": CLIENT}


@pytest.mark.parametrize(
    ("claims", "about"),
    [
        ({"sagemaker:groups": [f"g{number}" for number in range(11)]}, "sagemaker:groups"),
        ({"sagemaker:groups": [7]}, "sagemaker:groups"),
        ({"sagemaker:groups": {"experts": 1}}, "sagemaker:groups"),
        ({"sagemaker:groups": ["x" * 64]}, "sagemaker:groups"),
        ({"sagemaker:groups": None}, "sagemaker:groups"),
        ({"sagemaker:sub": "x" * 256}, "sagemaker:sub"),
        ({"sagemaker:sub": "a\0b"}, "sagemaker:sub"),
        ({"sagemaker:client_id": "another"}, "sagemaker:client_id"),
        ({"sagemaker:name": 7}, "sagemaker:name"),
        ({"sagemaker:name": None}, "sagemaker:name"),
    ],
)
def test_claims_that_make_no_sense_are_refused(claims: dict[str, Any], about: str) -> None:
    assert worker_of(GOOD, CLIENT) == SignedInWorker("a", "A", frozenset({"g"}))
    with pytest.raises(SignInRefused, match=about):
        worker_of({**GOOD, **claims}, CLIENT)


def test_a_name_is_cut_and_never_empty() -> None:
    assert worker_of({**GOOD, "sagemaker:name": "x" * 100}, CLIENT).name == "x" * 64
    assert worker_of({**GOOD, "sagemaker:name": "\0\u202e"}, CLIENT).name == "a"


@pytest.mark.parametrize(
    "url",
    [
        *(
            "http://idp.example",
            "https://",
            "https://user@idp.example",
            "https://idp.example/#a",
            "https://idp.example:0",
        ),
        *('https://idp.example/"><script>', "https://idp.example/a b", "https://idp.example\\@evil", "https://[", "x"),
    ],
)
def test_what_can_t_be_an_endpoint_is_none(url: str) -> None:
    assert is_address("https://idp.example:8443/realms/a?b=c")
    assert not is_address(url)
