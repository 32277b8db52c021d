"""People of the identity provider make keys for themselves, and nobody else does."""

from __future__ import annotations

import re
import subprocess
from collections.abc import Callable, Iterator
from typing import Any

import httpx
import pytest

from dev.identity_provider import IdentityProvider, ProviderBrowser
from dev.stack import Service
from labeling_provider.service.work.requesters import MAX_OWN_KEYS
from tests.own_names import own_id
from tests.service.web.conftest import make_experts
from tests.service.web.wire import refused

pytestmark = [pytest.mark.e2e, pytest.mark.usefixtures("birders")]

Run = Callable[..., subprocess.CompletedProcess[str]]
Owner = Callable[[str], Any]
EVERYTHING = {"right": ["create", "read", "stop"]}


class Visitor:
    """Somebody of the provider, in a browser.

    :param groups: which the provider tells.
    """

    def __init__(self, service: Service, provider: IdentityProvider, sub: str, *groups: str) -> None:
        self.service, self.provider, self.sub = service, provider, sub
        self.browser = ProviderBrowser(service.endpoint_url, provider)
        self.sign_in(*groups)
        worker = re.search(r"private\.us-east-1\.[0-9a-f]{16}", self.browser.get("/_labeling/own-keys").text)
        assert worker
        self.worker_id = worker[0]

    def sign_in(self, *groups: str) -> httpx.Response:
        """Sign in, being in some groups now."""
        self.provider.person(self.sub, *groups, name=f"{self.sub.title()} <b>")
        return self.browser.sign_in(self.sub, "/_labeling/own-keys")

    def move(self, move: str, headers: dict[str, str] | None = None, **fields: Any) -> httpx.Response:
        """Send the form of the page; without a token, as another site would."""
        own = {"origin": self.service.endpoint_url, "sec-fetch-site": "same-origin"} if headers is None else headers
        token = re.search(r'name="token" value="([0-9a-f]+)"', self.browser.get("/_labeling/own-keys").text)
        given = {"token": token[1] if token else "", **fields}
        return self.browser.client.post(f"/_labeling/own-keys/{move}", data=given, headers=own)

    def key(self, move: str = "add", **fields: Any) -> tuple[str, str]:
        """A new key, and its secret."""
        page = self.move(move, **(fields or EVERYTHING))
        assert page.status_code == 200, page.text
        shown = dict(re.findall(r"AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY)=(\S+?)(?:</pre>|\n)", page.text))
        assert shown["SECRET_ACCESS_KEY"] not in self.browser.get("/_labeling/own-keys").text, "it is shown once"
        return shown["ACCESS_KEY_ID"], shown["SECRET_ACCESS_KEY"]

    def client(self, name: str, key: tuple[str, str]) -> Any:
        return self.service.client(name, aws_access_key_id=key[0], aws_secret_access_key=key[1])

    def page(self, path: str) -> int:
        return self.browser.get(f"/_labeling{path}").status_code


@pytest.fixture
def visitor(guarded: Service, provider: IdentityProvider) -> Iterator[Callable[..., Visitor]]:
    """Makes visitors."""
    made: list[Visitor] = []

    def make(*groups: str) -> Visitor:
        made.append(Visitor(guarded, provider, f"v{own_id().hex[:8]}", *groups))
        return made[-1]

    yield make
    for visitor in made:
        visitor.browser.client.close()


def test_a_requester_makes_replaces_and_removes_own_keys(visitor: Callable[..., Visitor], run: Run) -> None:
    ann = visitor("requesters", "experts")
    empty = ann.browser.get("/_labeling/own-keys")
    assert "You have no keys." in empty.text
    # A form of a page that sends no referrer at all would have the origin "null", and be refused.
    assert empty.headers["referrer-policy"] == "same-origin"
    assert "form-action 'self'" in empty.headers["content-security-policy"]
    first = ann.key()
    assert ">never<" in ann.browser.get("/_labeling/own-keys").text
    bucket = f"own-{own_id().hex[:8]}"
    ann.client("s3", first).create_bucket(Bucket=bucket)
    second = ann.key("rotate", key=first[0])
    for key in (first, second):
        ann.client("s3", key).put_object(Bucket=bucket, Key=key[0], Body=b"x")
    page = ann.browser.get("/_labeling/own-keys").text
    assert (">never<" in page, page.count("</code></td>")) == (False, 2)
    assert ann.move("remove", key=first[0]).status_code == 200
    assert refused(ann.client("s3", first).list_objects_v2, Bucket=bucket) == "InvalidClientTokenId"
    # What is the person's is the person's, with whatever key, and nobody else's.
    ben = visitor("data owners")
    assert refused(ben.client("s3", ben.key()).list_objects_v2, Bucket=bucket) == "AccessDenied"
    assert (ann.page(f"/reports/{bucket}/none.html"), ann.page("/")) == (404, 200)
    narrow = ann.key(right="read", teams=" private-people, experts", tags="project=birds")
    assert refused(ann.client("s3", narrow).put_object, Bucket=bucket, Key="x", Body=b"x") == "AccessDenied"
    line = next(line for line in run("keys", "list").stdout.splitlines() if narrow[0] in line)
    assert f"{ann.worker_id}  read  team experts, team private-people, tag project=birds  used 2" in line
    trail = run("audit", "--who", ann.worker_id).stdout
    for done in (
        f"own-keys add  {first[0]}",
        f"own-keys rotate  {first[0]} {second[0]}",
        f"own-keys remove  {first[0]}",
    ):
        assert f"  requester {ann.worker_id}  127.0.0.1  {done}  ok\n" in trail


def test_a_key_opens_no_page_of_keys(visitor: Callable[..., Visitor]) -> None:
    ann = visitor("requesters")
    key = ann.key(right="read")
    for method, path in (("GET", "/own-keys"), ("POST", "/own-keys/add"), ("POST", "/sign-out")):
        answer = httpx.request(method, f"{ann.service.endpoint_url}/_labeling{path}", auth=key)
        assert (answer.status_code, "AccessDenied" in answer.text) == (403, True)
    assert httpx.get(f"{ann.service.endpoint_url}/_labeling/sign-in", auth=key).status_code == 303


@pytest.mark.parametrize(
    ("fields", "words"),
    [
        ({"right": "everything"}, "The rights of a key are some of"),
        ({}, "Choose what the key may do."),
        ({"everything": "on"}, "Only an administrator"),
        ({"right": "read", "is_administrator": "1", "tags": "x"}, "Write each tag as NAME=VALUE"),
        ({"right": "read", "tags": "=x"}, "Write each tag as NAME=VALUE"),
        ({"right": "read", "teams": "x" * 300}, "teams must be a list"),
        ({"right": "read", "teams": "x," * 1_001}, "may have up to 2,000 characters"),
    ],
)
def test_what_makes_no_sense_makes_no_key(rae: Visitor, fields: dict[str, str], words: str) -> None:
    page = rae.move("add", **fields)
    assert (page.status_code, words in page.text) == (400, True), page.text
    assert "You have no keys." in page.text


@pytest.fixture(scope="module")
def rae(guarded: Service, provider: IdentityProvider, birders: None) -> Iterator[Visitor]:
    """A requester who is refused all the time."""
    visitor = Visitor(guarded, provider, "rae", "requesters")
    yield visitor
    visitor.browser.client.close()


def test_other_sites_and_other_people_move_nothing(visitor: Callable[..., Visitor], rae: Visitor) -> None:
    ann = visitor("requesters")
    key = ann.key()
    for headers in (
        {"origin": "https://evil.example"},
        {"origin": "null"},
        {"origin": ann.service.endpoint_url, "sec-fetch-site": "cross-site", "sec-fetch-mode": "navigate"},
    ):
        assert ann.move("remove", headers, key=key[0]).status_code == 403, headers
    for token in ("", "0" * 32, "é"):
        assert ann.move("remove", key=key[0], token=token).status_code == 403
    for move in ("rotate", "remove"):
        page = rae.move(move, key=key[0])
        assert (page.status_code, f"There is no key {key[0]}." in page.text) == (400, True)
    assert rae.move("rotate", key="<script>").text.count("&lt;script&gt;") == 1
    assert rae.move("none").status_code == 404
    assert ann.client("sagemaker", key).list_labeling_jobs()


def test_nobody_has_more_keys_than_some(rae: Visitor, owner: Owner) -> None:
    made = [rae.key()[0] for _ in range(MAX_OWN_KEYS)]
    for move, fields in (("add", EVERYTHING), ("rotate", {"key": made[0]})):
        page = rae.move(move, **fields)
        assert (page.status_code, f"You have {MAX_OWN_KEYS} keys already" in page.text) == (400, True)
    for key in made:
        assert rae.move("remove", key=key).status_code == 200


def test_a_session_reads_and_changes_nothing_else(visitor: Callable[..., Visitor], owner: Owner, run: Run) -> None:
    ada = visitor("administrators")
    client, own = ada.browser.client, {"origin": ada.service.endpoint_url, "sec-fetch-site": "same-origin"}
    for path in ("/", "/audit", "/keys", "/workers"):
        assert ada.page(path) == 200
    for path in ("/keys/add", "/workers/add", "/deletions", "/jobs/x"):
        answer = client.post(f"/_labeling{path}", json={"requester": "Eve", "name": "Eve", "job": "x"}, headers=own)
        assert (answer.status_code, "may only read here" in answer.text) == (403, True)
    # With a key of her own she does what she may, under her own name.
    key = ada.key(everything="on")
    done = run("workers", "add", "Gil", LABELING_LOCAL_ACCESS_KEY_ID=key[0], LABELING_LOCAL_SECRET_ACCESS_KEY=key[1])
    assert done.returncode == 0, done.stderr
    ada.client("sqs", key).list_queues()
    assert f"  administrator {ada.worker_id}  127.0.0.1  workers add  Gil  ok\n" in run("audit").stdout
    assert "  everything  used 2" in next(line for line in run("keys", "list").stdout.splitlines() if key[0] in line)
    # As a requester she keeps what is a requester's.
    ada.sign_in("requesters")
    assert refused(ada.client("sagemaker", key).list_workteams) == "InvalidClientTokenId"
    assert (ada.page("/"), ada.page("/audit")) == (200, 403)


def test_a_key_holds_as_long_as_its_person_is_a_requester(
    visitor: Callable[..., Visitor], owner: Owner, provider: IdentityProvider, run: Run
) -> None:
    ann = visitor("requesters", "experts")
    sagemaker = ann.client("sagemaker", ann.key())
    sagemaker.list_labeling_jobs()
    assert ann.sign_in("experts").status_code == 403, "not a requester any more, as this sign-in tells"
    assert refused(sagemaker.list_labeling_jobs) == "InvalidClientTokenId"
    assert ann.page("/") == 401, "the earlier session"
    ann.sign_in("requesters")
    sagemaker.list_labeling_jobs()
    administrator = owner("sagemaker")
    administrator.delete_workteam(WorkteamName="experts")
    try:
        other = provider.config(Issuer="https://idp.example")
        administrator.update_workforce(WorkforceName="birders", OidcConfig=other)
        assert refused(sagemaker.list_labeling_jobs) == "InvalidClientTokenId"
        assert ann.page("/") == 401, "another provider's groups"
    finally:
        administrator.update_workforce(WorkforceName="birders", OidcConfig=provider.config())
        make_experts(administrator)
    sagemaker.list_labeling_jobs()
    assert run("workers", "remove", ann.worker_id).returncode == 0
    assert refused(sagemaker.list_labeling_jobs) == "InvalidClientTokenId"
    assert ann.page("/") == 401
    assert ann.worker_id not in run("keys", "list").stdout


def test_an_erased_requester_is_nowhere(visitor: Callable[..., Visitor], run: Run) -> None:
    ann = visitor("requesters")
    key, bucket = ann.key(), f"own-{own_id().hex[:8]}"
    ann.client("s3", key).create_bucket(Bucket=bucket)
    by_hand = run("keys", "add", ann.worker_id)
    assert by_hand.returncode == 0
    done = run("workers", "erase", ann.worker_id)
    pseudonym = done.stdout.split()[-1]
    trail = run("audit", "--limit", "1000").stdout
    assert (ann.worker_id in trail, f"{ann.sub.title()} <b>" in trail) == (False, False)
    assert f"  requester {pseudonym}    CreateBucket  {bucket}  ok\n" in trail
    assert ann.worker_id not in run("keys", "list").stdout
    # Whoever comes back is somebody else.
    ann.sign_in("requesters")
    assert refused(ann.client("s3", ann.key()).list_objects_v2, Bucket=bucket) == "AccessDenied"


def test_a_session_is_for_the_addresses_that_people_may_come_from(
    visitor: Callable[..., Visitor], owner: Owner
) -> None:
    ann = visitor("requesters")
    key, update = ann.key(), owner("sagemaker").update_workforce
    update(WorkforceName="birders", SourceIpConfig={"Cidrs": ["192.0.2.0/24"]})
    try:
        assert [ann.page(path) for path in ("/", "/own-keys")] == [404, 404]
        assert ann.client("sagemaker", key).list_labeling_jobs(), "keys are for programs, wherever they run"
    finally:
        update(WorkforceName="birders", SourceIpConfig={"Cidrs": []})
    assert ann.page("/") == 200


def test_common_buckets_are_for_all_of_these_people(visitor: Callable[..., Visitor], owner: Owner) -> None:
    owner("s3").create_bucket(Bucket="common")
    ann = visitor("requesters")
    s3 = ann.client("s3", ann.key())
    s3.put_object(Bucket="common", Key="report.html", Body=b"a report")
    assert ann.page("/reports/common/report.html") == 200
    assert refused(s3.delete_bucket, Bucket="common") == "AccessDenied"
