"""An OpenID Connect provider: where the people of a workforce with OidcConfig sign in.

The authorization code flow with PKCE, state and nonce. What the provider says is foreign: its answers are bounded in
size and time, no redirect is followed, and a token counts only if it is signed by one of its keys with one of
:data:`ALGORITHMS`.
Source: OpenID Connect Core 1.0; RP-Initiated Logout 1.0; RFC 7636, 9207; developer guide, "Create a Private Workforce
(OIDC IdP)".
"""

from __future__ import annotations

import asyncio
import hashlib
import hmac
import json
import re
import secrets
import time
from collections.abc import Mapping
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, Final
from urllib.parse import quote_plus, urlencode, urlsplit

ALGORITHMS: Final = ("RS256", "RS384", "RS512", "PS256", "PS384", "PS512", "ES256", "ES384", "ES512", "EdDSA")
"""The algorithms that may sign an id token, all with a key that only the provider has."""
OWN_PARAMETERS: Final = frozenset(
    {
        *("response_type", "response_mode", "client_id", "redirect_uri", "scope", "state", "nonce"),
        *("code_challenge", "code_challenge_method", "request", "request_uri"),
    }
)
"""Parameters of the authorization request that AuthenticationRequestExtraParams can't change."""
OPENID_ENDPOINTS: Final = ("AuthorizationEndpoint", "TokenEndpoint", "UserInfoEndpoint", "LogoutEndpoint", "JwksUri")
"""The addresses in an OidcConfig."""
MAX_ANSWER_BYTES: Final = 256 << 10
MAX_KEYS: Final = 100
MAX_GROUPS: Final = 10
MAX_GROUP_CHARACTERS: Final = 63
MAX_SUB_CHARACTERS: Final = 255
MAX_CODE_CHARACTERS: Final = 4_096
_MAX_NAME_CHARACTERS: Final = 64
SECONDS: Final = 10.0
"""How long an answer may take, from the first byte that is sent to the last one that is read."""
_LEEWAY_SECONDS: Final = 60
_KEYS_SECONDS: Final = 300.0
_KEYS_AGAIN_SECONDS: Final = 10.0
"""Least time before the keys are read again because a token is signed with an unknown one."""
_MAX_CALLS: Final = 16
_UNSAFE: Final = re.compile(r"[\s\"'<>\\]")
_ERROR_CODE: Final = re.compile(r"[a-z_]{1,40}")


class SignInRefused(Exception):
    """Nobody is signed in; the text says why, and contains no free text from the provider."""


@dataclass(frozen=True)
class Provider:
    """A workforce's OidcConfig."""

    issuer: str
    client_id: str
    client_secret: str = field(repr=False)
    authorization_endpoint: str
    token_endpoint: str
    user_info_endpoint: str
    logout_endpoint: str
    jwks_uri: str
    scope: str
    extra: Mapping[str, str]

    @classmethod
    def of(cls, config: Mapping[str, Any], client_secret: str) -> Provider:
        """Read an OidcConfig, whose secret is stored apart from it."""
        return cls(
            issuer=config["Issuer"],
            client_id=config["ClientId"],
            client_secret=client_secret,
            authorization_endpoint=config["AuthorizationEndpoint"],
            token_endpoint=config["TokenEndpoint"],
            user_info_endpoint=config["UserInfoEndpoint"],
            logout_endpoint=config["LogoutEndpoint"],
            jwks_uri=config["JwksUri"],
            scope=config.get("Scope") or "openid",
            extra=config.get("AuthenticationRequestExtraParams") or {},
        )

    def sign_out_url(self, return_to: str) -> str:
        """Where a browser ends the provider's own session.

        :param return_to: the page to come back to.
        """
        query = urlencode({"client_id": self.client_id, "post_logout_redirect_uri": return_to})
        return f"{self.logout_endpoint}{'&' if urlsplit(self.logout_endpoint).query else '?'}{query}"


@dataclass(frozen=True)
class Attempt:
    """One sign-in under way.

    Everything that must match before and after the redirect to the provider is derived from a secret that only the
    browser keeps: no process remembers anything, and nobody can finish a sign-in that another browser has started.
    """

    secret: str = field(default_factory=lambda: secrets.token_urlsafe(32), repr=False)

    @property
    def state(self) -> str:
        """What the provider sends back with the browser."""
        return self._derived("state")

    @property
    def nonce(self) -> str:
        """What the provider puts into the id token."""
        return self._derived("nonce")

    @property
    def verifier(self) -> str:
        """PKCE's code verifier: 43 characters."""
        return self._derived("verifier")

    def _derived(self, what: str) -> str:
        from joserfc.util import urlsafe_b64encode

        digest = hmac.digest(self.secret.encode(), what.encode(), hashlib.sha256)
        return str(urlsafe_b64encode(digest), "ascii")

    def url(self, provider: Provider, redirect_uri: str) -> str:
        """The authorization URL to which the browser goes."""
        from authlib.oauth2.rfc6749.parameters import prepare_grant_uri
        from authlib.oauth2.rfc7636 import create_s256_code_challenge

        return str(
            prepare_grant_uri(
                provider.authorization_endpoint,
                provider.client_id,
                "code",
                redirect_uri=redirect_uri,
                scope=provider.scope,
                state=self.state,
                nonce=self.nonce,
                code_challenge=create_s256_code_challenge(self.verifier),
                code_challenge_method="S256",
                **{name: value for name, value in provider.extra.items() if name not in OWN_PARAMETERS},
            )
        )

    def code(self, provider: Provider, parameters: Mapping[str, str]) -> str:
        """The code that the browser comes back with.

        :param parameters: query parameters of the URL that it comes back to.
        :raises SignInRefused: if there is none, or this browser has not started the sign-in.
        """
        if not hmac.compare_digest(parameters.get("state", "").encode(), self.state.encode()):
            raise SignInRefused("This sign-in was started in another browser or window. Start again.")
        if parameters.get("iss", provider.issuer) != provider.issuer:
            raise SignInRefused("The answer comes from another identity provider.")
        if "error" in parameters:
            code = parameters["error"]
            shown = code if _ERROR_CODE.fullmatch(code) else "an error"
            raise SignInRefused(f"The identity provider refused the sign-in: {shown}.")
        code = parameters.get("code", "")
        if not 0 < len(code) <= MAX_CODE_CHARACTERS:
            raise SignInRefused("The identity provider sent no code.")
        return code


@dataclass(frozen=True)
class SignedInWorker:
    """The worker who has signed in.

    :param sub: the identity in results.
    :param name: as the portal shows it.
    :param groups: matched with the groups of workteams.
    """

    sub: str
    name: str
    groups: frozenset[str]


class OpenId:
    """Asks providers."""

    def __init__(self) -> None:
        self._keys: dict[str, tuple[float, Any]] = {}
        self._at_once = asyncio.Semaphore(_MAX_CALLS)

    async def worker(self, provider: Provider, attempt: Attempt, code: str, redirect_uri: str) -> SignedInWorker:
        """The person who has come back from the provider with a code.

        :raises SignInRefused: if the person can't be established, or a claim that Ground Truth needs is missing.
        """
        tokens = await self._tokens(provider, attempt, code, redirect_uri)
        claims = await self._id_claims(provider, attempt, tokens)
        if any(_claim(claims, name) is None for name in ("sub", "groups", "name", "client_id")):
            user = await self._user_info(provider, tokens)
            if user.get("sub") != claims["sub"]:
                raise SignInRefused("The identity provider answered about a different person.")
            claims = {**user, **claims}
        return worker_of(claims, provider.client_id)

    async def _tokens(self, provider: Provider, attempt: Attempt, code: str, redirect_uri: str) -> dict[str, Any]:
        from authlib.oauth2.rfc6749.parameters import prepare_token_request

        body = prepare_token_request(
            "authorization_code", code=code, redirect_uri=redirect_uri, code_verifier=attempt.verifier
        )
        headers = {"content-type": "application/x-www-form-urlencoded"}
        keys = (quote_plus(provider.client_id), quote_plus(provider.client_secret))
        tokens = await self._ask("TokenEndpoint", provider.token_endpoint, headers, content=body.encode(), auth=keys)
        if not isinstance(tokens.get("id_token"), str) or not isinstance(tokens.get("access_token"), str):
            raise SignInRefused("The answer of the TokenEndpoint has no id_token and access_token.")
        if str(tokens.get("token_type", "")).lower() != "bearer":
            raise SignInRefused("The TokenEndpoint returned a token that is not a Bearer token.")
        return tokens

    async def _id_claims(self, provider: Provider, attempt: Attempt, tokens: Mapping[str, Any]) -> dict[str, Any]:
        """The claims of an id token, after validating all of it."""
        from authlib.oidc.core import CodeIDToken
        from joserfc import jws, jwt
        from joserfc.errors import InvalidKeyIdError, JoseError

        try:
            known = jws.extract_compact(tokens["id_token"].encode()).headers().get("kid")
            keys = await self._key_set(provider)
            try:
                keys.get_by_kid(known)
            except InvalidKeyIdError:
                keys = await self._key_set(provider, _KEYS_AGAIN_SECONDS)
            token = jwt.decode(tokens["id_token"], keys, algorithms=list(ALGORITHMS))
            options = {
                "iss": {"essential": True, "value": provider.issuer},
                "aud": {"essential": True, "value": provider.client_id},
                "nonce": {"essential": True, "value": attempt.nonce},
            }
            parameters = {
                "nonce": attempt.nonce,
                "client_id": provider.client_id,
                "access_token": tokens["access_token"],
            }
            claims = CodeIDToken(token.claims, token.header, options, parameters)
            claims.validate(leeway=_LEEWAY_SECONDS)
        except JoseError as error:
            about = getattr(error, "claim", None)
            which = f" ({about})" if isinstance(about, str) and about in CodeIDToken.REGISTERED_CLAIMS else ""
            raise SignInRefused(f"The id token is not valid: {type(error).__name__}{which}.") from None
        except (ValueError, TypeError, KeyError, AttributeError, RecursionError) as error:
            raise SignInRefused(f"The id token can't be read: {type(error).__name__}.") from None
        if not isinstance(claims.get("sub"), str):
            raise SignInRefused("The id token has no sub.")
        return dict(claims)

    async def _key_set(self, provider: Provider, seconds: float = _KEYS_SECONDS) -> Any:
        """The provider's keys, as read within the last ``seconds``."""
        from joserfc.errors import JoseError
        from joserfc.jwk import JWKRegistry, KeySet

        known = self._keys.get(provider.jwks_uri)
        if known is not None and known[0] > time.monotonic() - seconds:
            return known[1]
        listed = (await self._ask("JwksUri", provider.jwks_uri)).get("keys")
        if not isinstance(listed, list) or len(listed) > MAX_KEYS:
            raise SignInRefused(f"JwksUri may list at most {MAX_KEYS} keys.")
        keys = []
        for key in listed:
            # Providers have keys for other purposes as well, some of them of kinds that nobody knows yet.
            if isinstance(key, dict) and key.get("use", "sig") == "sig" and key.get("kty") in {"RSA", "EC", "OKP"}:
                try:
                    keys.append(JWKRegistry.import_key(key))
                except (JoseError, ValueError, TypeError, KeyError):
                    continue
        key_set = KeySet(keys)
        self._keys = {provider.jwks_uri: (time.monotonic(), key_set)}
        return key_set

    async def _user_info(self, provider: Provider, tokens: Mapping[str, Any]) -> dict[str, Any]:
        headers = {"authorization": f"Bearer {tokens['access_token']}"}
        return await self._ask("UserInfoEndpoint", provider.user_info_endpoint, headers)

    async def _ask(self, what: str, url: str, headers: Mapping[str, str] | None = None, **more: Any) -> dict[str, Any]:
        """The JSON object that an endpoint answers with.

        :param what: its name in OidcConfig.
        :raises SignInRefused: if it answers with anything else, too much or too late, or not at all.
        """
        import httpx

        sent = {"accept": "application/json", "accept-encoding": "identity", **(headers or {})}
        method = "POST" if "content" in more else "GET"
        if not is_address(url):
            raise SignInRefused(f"{what} must be an address that begins with https://.")
        body = bytearray()
        try:
            async with asyncio.timeout(SECONDS), self._at_once:
                client = httpx.AsyncClient(verify=self._trusted, timeout=SECONDS, follow_redirects=False)
                async with client, client.stream(method, url, headers=sent, **more) as response:
                    status = response.status_code
                    async for piece in response.aiter_raw():
                        body += piece
                        if len(body) > MAX_ANSWER_BYTES:
                            raise SignInRefused(f"{what} answers with more than {MAX_ANSWER_BYTES:,} bytes.")
        except (httpx.HTTPError, httpx.InvalidURL, OSError, ValueError) as error:
            raise SignInRefused(f"{what} does not answer: {type(error).__name__}.") from None
        if status != httpx.codes.OK:
            raise SignInRefused(f"{what} answers with status {status}.")
        try:
            document = json.loads(body)
        except (ValueError, RecursionError):
            document = None
        if not isinstance(document, dict):
            raise SignInRefused(f"{what} does not answer with a JSON object.")
        return document

    @cached_property
    def _trusted(self) -> Any:
        """The certificates of authorities that are trusted; ``SSL_CERT_FILE`` names others."""
        import httpx

        return httpx.create_ssl_context()


def is_address(url: str) -> bool:
    """Whether this can be the address of an endpoint: https, a host, no user name and no fragment."""
    try:
        parts = urlsplit(url)
        return (
            parts.scheme == "https"
            and bool(parts.hostname)
            and parts.port != 0
            and parts.username is None
            and not parts.fragment
            and url.isascii()
            and url.isprintable()
            and not _UNSAFE.search(url)
        )
    except ValueError:
        return False


def worker_of(claims: Mapping[str, Any], client_id: str) -> SignedInWorker:
    """Read Ground Truth's claims.

    :raises SignInRefused: if one is missing or makes no sense.
    """
    sub, name, groups, client = (_claim(claims, claim) for claim in ("sub", "name", "groups", "client_id"))
    if client != client_id:
        raise SignInRefused("The claim sagemaker:client_id is not the workforce's ClientId.")
    if not isinstance(sub, str) or not 0 < len(sub) <= MAX_SUB_CHARACTERS or not sub.isprintable():
        raise SignInRefused(f"The claim sagemaker:sub must be a string of 1 to {MAX_SUB_CHARACTERS} characters.")
    if not isinstance(name, str):
        raise SignInRefused("The claim sagemaker:name must be a string.")
    groups = [groups] if isinstance(groups, str) else groups
    if not isinstance(groups, list) or len(groups) > MAX_GROUPS:
        raise SignInRefused(f"The claim sagemaker:groups must be a string or a list of at most {MAX_GROUPS} strings.")
    if any(not isinstance(group, str) or not 0 < len(group) <= MAX_GROUP_CHARACTERS for group in groups):
        raise SignInRefused(f"A group in sagemaker:groups must be a string of 1 to {MAX_GROUP_CHARACTERS} characters.")
    seen = " ".join("".join(character for character in name[:1_000] if character.isprintable()).split())
    return SignedInWorker(sub, seen[:_MAX_NAME_CHARACTERS].strip() or sub[:_MAX_NAME_CHARACTERS], frozenset(groups))


def _claim(claims: Mapping[str, Any], name: str) -> Any:
    """One of Ground Truth's claims, which may be written with a colon or a hyphen."""
    value = claims.get(f"sagemaker:{name}")
    return claims.get(f"sagemaker-{name}") if value is None else value
