"""A service as a team has it: with credentials, an encryption key, and a provider of identities that it trusts."""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dev.identity_provider import IdentityProvider
from dev.stack import BIN, ROOT, Service

ENCRYPTION_KEY = "a-key-that-is-long-enough-for-every-use"
KEYS = {"LABELING_LOCAL_ACCESS_KEY_ID": "owner", "LABELING_LOCAL_SECRET_ACCESS_KEY": "the secret of the owner"}


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider) -> Iterator[Service]:
    """A service whose people need passwords, and which trusts the provider's certificate."""
    env = {
        **KEYS,
        "SSL_CERT_FILE": str(provider.certificate),
        "LABELING_LOCAL_ENCRYPTION_KEY": ENCRYPTION_KEY,
    }
    service = Service(tmp_path_factory.mktemp("guarded"), env=env)
    yield service
    service.stop()


@pytest.fixture(scope="session")
def owner(guarded: Service) -> Callable[[str], Any]:
    """Makes boto3 clients of the guarded service with its own keys."""
    keys = {"aws_access_key_id": "owner", "aws_secret_access_key": "the secret of the owner"}
    return lambda name: guarded.client(name, **keys)


@pytest.fixture(scope="session")
def run(guarded: Service) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``labeling COMMAND`` as the administrator of the guarded service, or with other variables."""

    def run(command: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        line = [str(BIN / "labeling"), command, "--endpoint-url", guarded.endpoint_url, *arguments]
        given = {**guarded.env, **env}
        return subprocess.run(line, env=given, cwd=ROOT, capture_output=True, text=True, check=False)

    return run
