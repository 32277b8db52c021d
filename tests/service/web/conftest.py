"""A service as a team has it: with credentials, an encryption key, and a provider of identities that it trusts.

And the files that the pages of tasks load.
"""

from __future__ import annotations

import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from dev.identity_provider import IdentityProvider, ProviderBrowser
from dev.stack import BIN, ROOT, Service
from labeling_provider.service.web.assets import Assets

ENCRYPTION_KEY = "a-key-that-is-long-enough-for-every-use"
KEYS = {"LABELING_LOCAL_ACCESS_KEY_ID": "owner", "LABELING_LOCAL_SECRET_ACCESS_KEY": "the secret of the owner"}
JQUERY = "https://code.example.com/jquery.js?v=1"


@pytest.fixture(scope="session")
def guarded(tmp_path_factory: pytest.TempPathFactory, provider: IdentityProvider) -> Iterator[Service]:
    """A service whose people need passwords, and which trusts the provider's certificate."""
    env = {
        **KEYS,
        "SSL_CERT_FILE": str(provider.certificate),
        "LABELING_LOCAL_ENCRYPTION_KEY": ENCRYPTION_KEY,
        "LABELING_LOCAL_REQUESTER_GROUP": "requesters 'data owners'",
        "LABELING_LOCAL_ADMINISTRATOR_GROUP": "administrators",
        "LABELING_LOCAL_REQUESTER_BUCKET": "common",
    }
    service = Service(tmp_path_factory.mktemp("guarded"), env=env)
    yield service
    service.stop()


@pytest.fixture(scope="session")
def owner(guarded: Service) -> Callable[[str], Any]:
    """Makes boto3 clients of the guarded service with its own keys."""
    keys = {"aws_access_key_id": "owner", "aws_secret_access_key": "the secret of the owner"}
    return lambda name: guarded.client(name, **keys)


@pytest.fixture(scope="module")
def birders(owner: Callable[[str], Any], provider: IdentityProvider) -> Iterator[None]:
    """A workforce with the provider, and a workteam of one of its groups."""
    sagemaker = owner("sagemaker")
    sagemaker.create_workforce(WorkforceName="birders", OidcConfig=provider.config())
    make_experts(sagemaker)
    yield
    sagemaker.delete_workteam(WorkteamName="experts")
    sagemaker.delete_workforce(WorkforceName="birders")


def make_experts(sagemaker: Any) -> None:
    """The workteam of the provider's group experts."""
    member = {"OidcMemberDefinition": {"Groups": ["experts"]}}
    sagemaker.create_workteam(
        WorkteamName="experts", MemberDefinitions=[member], Description="x", WorkforceName="birders"
    )


@pytest.fixture
def provider_browser(guarded: Service, provider: IdentityProvider) -> Iterator[ProviderBrowser]:
    """A browser in which nobody has signed in."""
    browser = ProviderBrowser(guarded.endpoint_url, provider)
    yield browser
    browser.client.close()


@pytest.fixture(scope="session")
def run(guarded: Service) -> Callable[..., subprocess.CompletedProcess[str]]:
    """Runs ``labeling COMMAND`` as the administrator of the guarded service, or with other variables."""

    def run(command: str, *arguments: str, **env: str) -> subprocess.CompletedProcess[str]:
        line = [str(BIN / "labeling"), command, "--endpoint-url", guarded.endpoint_url, *arguments]
        given = {**guarded.env, **env}
        return subprocess.run(line, env=given, cwd=ROOT, capture_output=True, text=True, check=False)

    return run


@pytest.fixture(scope="module")
def assets(tmp_path_factory: pytest.TempPathFactory) -> Assets:
    """The files that pages load: scripts, a style sheet, a picture, and one in place of another site's."""
    folder = tmp_path_factory.mktemp("static")
    (folder / "crowd-html-elements.js").write_text("'elements';" * 100)
    (folder / "crowd-html-elements.css").write_text("b {}")
    (folder / "more").mkdir()
    (folder / "more" / "picture.png").write_bytes(b"\x89PNG")
    return Assets(folder, {JQUERY: b"'jquery'"})
