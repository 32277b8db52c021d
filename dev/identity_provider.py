"""An OpenID Connect provider on this machine, over TLS: oidc-provider-mock, which also checks PKCE and can lie.

Everybody signs in there by name, and has whatever claims a test has given.
"""

from __future__ import annotations

import base64
import hashlib
import json
import ssl
import threading
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from io import BytesIO
from ipaddress import ip_address
from pathlib import Path
from typing import Any
from urllib.parse import parse_qs, parse_qsl, urlsplit

import httpx

CLIENT = "portal"
SECRET = "the secret of the portal"
Answer = tuple[str, list[tuple[str, str]], bytes]


class IdentityProvider:
    """The provider.

    :param folder: for its certificate.
    :ivar lies: by path, what an answer becomes on its way.
    :ivar asked: paths of all requests.
    """

    def __init__(self, folder: Path) -> None:
        import oidc_provider_mock
        import werkzeug.serving

        self.certificate, self.key = folder / "provider.pem", folder / "provider.key"
        make_certificate(self.certificate, self.key)
        self._inner = oidc_provider_mock.app(require_nonce=True)
        self.lies: dict[str, Callable[[Answer], Answer]] = {}
        self.asked: list[str] = []
        self._challenges: dict[str, str] = {}
        tls = (str(self.certificate), str(self.key))
        self.server = werkzeug.serving.make_server("localhost", 0, self, threaded=True, ssl_context=tls)
        self.issuer = f"https://localhost:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def config(self, **changed: Any) -> dict[str, Any]:
        """An OidcConfig for it."""
        return {
            "ClientId": CLIENT,
            "ClientSecret": SECRET,
            "Issuer": self.issuer,
            "AuthorizationEndpoint": f"{self.issuer}/oauth2/authorize",
            "TokenEndpoint": f"{self.issuer}/oauth2/token",
            "UserInfoEndpoint": f"{self.issuer}/userinfo",
            "LogoutEndpoint": f"{self.issuer}/oauth2/end_session",
            "JwksUri": f"{self.issuer}/jwks",
            **changed,
        }

    def person(self, sub: str, *groups: str, name: str | None = None, **claims: Any) -> None:
        """Make somebody known, or change what is told of somebody."""
        claimed = {"sub": sub, "name": name or sub, "groups": list(groups), "client_id": CLIENT}
        body = {**{f"sagemaker:{key}": value for key, value in claimed.items()}, **claims}
        given = {key: value for key, value in body.items() if value is not None}
        with self._inner.test_client() as client:
            assert client.put(f"/users/{sub}", json=given).status_code == 204

    @contextmanager
    def lying(self, path: str, lie: Callable[[Answer], Answer]) -> Iterator[None]:
        """Let the answers at a path be others."""
        self.lies[path] = lie
        try:
            yield
        finally:
            del self.lies[path]

    def __call__(self, environ: dict[str, Any], start: Callable[..., Any]) -> Iterable[bytes]:
        path, length = environ["PATH_INFO"], int(environ.get("CONTENT_LENGTH") or 0)
        body = environ["wsgi.input"].read(length)
        environ["wsgi.input"] = BytesIO(body)
        self.asked.append(path)
        if path == "/oauth2/token" and not self._proves(environ, dict(parse_qsl(body.decode()))):
            start("400 Bad Request", [("content-type", "application/json")])
            return [b'{"error": "invalid_grant"}']
        seen: list[Any] = []
        content = b"".join(self._inner(environ, lambda status, headers, *_: seen.extend((status, headers))))
        answer: Answer = (seen[0], list(seen[1]), content)
        if path == "/oauth2/authorize":
            location = {name.lower(): value for name, value in answer[1]}.get("location", "")
            if code := parse_qs(urlsplit(location).query).get("code"):
                sent = dict(parse_qsl(environ["QUERY_STRING"]))
                assert sent["code_challenge_method"] == "S256"
                self._challenges[code[0]] = sent["code_challenge"]
        status, headers, content = self.lies.get(path, lambda answer: answer)(answer)
        start(status, [(name, value) for name, value in headers if name.lower() != "content-length"])
        return [content]

    def _proves(self, environ: dict[str, Any], form: dict[str, str]) -> bool:
        """Whether a client knows its secret, and PKCE's verifier of the code."""
        keys = base64.b64encode(f"{CLIENT}:{SECRET.replace(' ', '+')}".encode()).decode()
        digest = hashlib.sha256(form.get("code_verifier", "").encode()).digest()
        challenge = base64.urlsafe_b64encode(digest).rstrip(b"=").decode()
        is_client = environ.get("HTTP_AUTHORIZATION") == f"Basic {keys}"
        return is_client and self._challenges.pop(form.get("code", ""), None) == challenge

    def code(self, address: str, sub: str) -> dict[str, str]:
        """What a browser of somebody comes back with, that is sent to an address of this provider."""
        answer = httpx.post(address, data={"sub": sub}, verify=self.trusted)
        assert answer.status_code == 302, answer.text
        return dict(parse_qsl(urlsplit(answer.headers["location"]).query))

    @property
    def trusted(self) -> ssl.SSLContext:
        """Lets clients trust its certificate."""
        return ssl.create_default_context(cafile=str(self.certificate))

    def stop(self) -> None:
        """End it."""
        self.server.shutdown()
        self.server.server_close()


def json_answer(content: Any) -> Callable[[Answer], Answer]:
    """A lie: another JSON document."""
    return lambda _: ("200 OK", [("content-type", "application/json")], json.dumps(content).encode())


class ProviderBrowser:
    """A browser that goes to the provider and back.

    :param endpoint_url: of the service.
    """

    def __init__(self, endpoint_url: str, provider: IdentityProvider) -> None:
        self.endpoint_url, self.provider = endpoint_url, provider
        self.client = httpx.Client(base_url=endpoint_url, verify=provider.trusted, timeout=30)

    def get(self, path: str) -> httpx.Response:
        """A page, without following where it leads."""
        return self.client.get(path, headers={"sec-fetch-site": "none"})

    def begin(self, onward: str = "/") -> str:
        """Click on the way to the provider; its address."""
        answer = self.get(f"/portal/sign-in/provider?onward={onward}")
        assert answer.status_code == 303, answer.text
        return answer.headers["location"]

    def consent(self, address: str, sub: str) -> str:
        """Sign in there; the address that it leads back to."""
        answer = self.client.post(address, data={"sub": sub})
        assert answer.status_code == 302, answer.text
        return answer.headers["location"]

    def come_back(self, address: str) -> httpx.Response:
        """Come back from the provider, as from another site."""
        cross = {"sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate", "sec-fetch-dest": "document"}
        return self.client.get(address, headers=cross)

    def sign_in(self, sub: str, onward: str = "/") -> httpx.Response:
        """All the way."""
        return self.come_back(self.consent(self.begin(onward), sub))


def make_certificate(path: Path, key_path: Path) -> None:
    """Write a certificate for this machine, which is its own authority, and its key."""
    from cryptography import x509
    from cryptography.hazmat.primitives import hashes, serialization
    from cryptography.hazmat.primitives.asymmetric import ec

    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, "localhost")])
    names = x509.SubjectAlternativeName([x509.DNSName("localhost"), x509.IPAddress(ip_address("127.0.0.1"))])
    now = datetime.now(UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(names, critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    path.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
    pem, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    key_path.write_bytes(key.private_bytes(pem, serialization.PrivateFormat.PKCS8, plain))
