"""The private workforce, and workteams of it, through boto3."""

from __future__ import annotations

import json
import re
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest

from dev.portal import Browser
from labeling_provider.request import PrivateWorkteam
from labeling_provider.service.database import workforce_rows as table
from labeling_provider.service.database.database import Database
from labeling_provider.service.failures import ApiError
from labeling_provider.service.web.private_workforces import Workforces
from tests.conftest import Lab, texts
from tests.own_names import own_id
from tests.service.inside import ACCOUNT, REGION, Inside
from tests.service.web.test_labeling_jobs import refused
from tests.service.web.wire import ask

HERE = "https://id.example.com/"
OIDC = {
    "ClientId": "client",
    "ClientSecret": "very secret",
    "Issuer": HERE,
    "AuthorizationEndpoint": f"{HERE}authorize",
    "TokenEndpoint": f"{HERE}token",
    "UserInfoEndpoint": f"{HERE}user",
    "LogoutEndpoint": f"{HERE}logout",
    "JwksUri": f"{HERE}keys",
    "AuthenticationRequestExtraParams": {"audience": "labeling"},
}
COGNITO = {"UserPool": "us-east-1_birds", "ClientId": "birds"}


@pytest.fixture
def workforce(lab: Lab) -> Iterator[str]:
    """A workforce that is there for one test."""
    lab.sagemaker.create_workforce(WorkforceName="Birders", OidcConfig=OIDC, Tags=[{"Key": "a", "Value": "b"}])
    yield "Birders"
    if "Birders" in names(lab):
        lab.sagemaker.delete_workforce(WorkforceName="Birders")


def names(lab: Lab) -> list[str]:
    return [entry["WorkforceName"] for entry in lab.sagemaker.list_workforces()["Workforces"]]


def test_the_services_own_workteams_have_a_workforce(lab: Lab) -> None:
    described = lab.sagemaker.describe_workforce(WorkforceName="default")["Workforce"]
    assert described["Status"] == "Active"
    assert described["SubDomain"] == lab.service.endpoint_url.removeprefix("http://") + "/portal"
    assert described["CognitoConfig"] == {"UserPool": "us-east-1_local", "ClientId": "local"}
    team = lab.sagemaker.describe_workteam(WorkteamName="private-people")["Workteam"]
    assert (team["WorkforceArn"], team["SubDomain"]) == (described["WorkforceArn"], described["SubDomain"])
    assert refused(lab, "delete_workforce", WorkforceName="default")[0] == "ResourceInUse"
    assert names(lab) == ["default"]


def test_there_is_one_workforce_besides_and_its_secret_is_never_told(lab: Lab, workforce: str) -> None:
    described = lab.sagemaker.describe_workforce(WorkforceName=workforce.lower())["Workforce"]
    assert described["OidcConfig"] == {key: value for key, value in OIDC.items() if key != "ClientSecret"}
    # boto3 leaves out what it does not know.
    headers = {"x-amz-target": "SageMaker.ListWorkforces", "content-type": "application/x-amz-json-1.1"}
    status, body, _ = ask(lab.service, "POST", "/", headers, b"{}")
    assert (status, b"ClientId" in body, b"secret" in body.lower()) == (200, True, False)
    assert described["WorkforceArn"].endswith(":workforce/private-crowd/Birders")
    assert lab.sagemaker.list_tags(ResourceArn=described["WorkforceArn"])["Tags"] == [{"Key": "a", "Value": "b"}]
    assert names(lab) == ["default", workforce]
    assert refused(lab, "create_workforce", WorkforceName="more", CognitoConfig=COGNITO)[0] == "ResourceInUse"
    lab.sagemaker.delete_workforce(WorkforceName=workforce)
    assert names(lab) == ["default"]
    assert refused(lab, "describe_workforce", WorkforceName=workforce)[0] == "ValidationException"


def test_a_workforce_with_workteams_keeps_its_provider_and_stays(lab: Lab, workforce: str) -> None:
    lab.sagemaker.update_workforce(WorkforceName=workforce, OidcConfig={**OIDC, "Scope": "openid email"})
    members: Any = [{"OidcMemberDefinition": {"Groups": ["experts"]}}]
    lab.sagemaker.create_workteam(
        WorkteamName="experts", WorkforceName=workforce, MemberDefinitions=members, Description="Experts"
    )
    try:
        team = lab.sagemaker.describe_workteam(WorkteamName="experts")["Workteam"]
        described = lab.sagemaker.describe_workforce(WorkforceName=workforce)["Workforce"]
        assert team["WorkforceArn"] == described["WorkforceArn"]
        assert described["OidcConfig"]["Scope"] == "openid email"
        code, message, _ = refused(lab, "update_workforce", WorkforceName=workforce, OidcConfig=OIDC)
        assert (code, "workteams (1)" in message) == ("ConflictException", True)
        assert refused(lab, "delete_workforce", WorkforceName=workforce)[0] == "ResourceInUse"
        wrong = [{"CognitoMemberDefinition": {**COGNITO, "UserGroup": "experts"}}]
        change = {"WorkteamName": "experts", "MemberDefinitions": wrong}
        assert refused(lab, "update_workteam", **change)[0] == "ValidationException"
    finally:
        lab.sagemaker.delete_workteam(WorkteamName="experts")


def test_members_of_a_workteam_are_of_its_workforce(lab: Lab) -> None:
    def create(workforce: str, **member: Any) -> str:
        return refused(
            lab,
            "create_workteam",
            WorkteamName="nobody",
            WorkforceName=workforce,
            MemberDefinitions=[member],
            Description="x",
        )[0]

    assert create("default", OidcMemberDefinition={"Groups": ["a"]}) == "ValidationException"
    assert create("missing", OidcMemberDefinition={"Groups": ["a"]}) == "ValidationException"
    lab.sagemaker.create_workforce(WorkforceName="birds", CognitoConfig=COGNITO)
    try:
        other = {**COGNITO, "UserPool": "us-east-1_other", "UserGroup": "a"}
        assert create("birds", CognitoMemberDefinition=other) == "ValidationException"
        assert refused(lab, "update_workforce", WorkforceName="birds", OidcConfig=OIDC)[0] == "ValidationException"
    finally:
        lab.sagemaker.delete_workforce(WorkforceName="birds")


@pytest.mark.parametrize(
    "request_",
    [
        {},
        {"CognitoConfig": COGNITO, "OidcConfig": OIDC},
        {"CognitoConfig": COGNITO, "SourceIpConfig": {"Cidrs": ["10.0.0.0/99"]}},
        {"CognitoConfig": COGNITO, "SourceIpConfig": {"Cidrs": [f"10.0.{number}.0/24" for number in range(11)]}},
        {"CognitoConfig": COGNITO, "WorkforceVpcConfig": {"VpcId": "vpc-1"}},
        {"CognitoConfig": COGNITO, "WorkforceName": "a_b"},
    ],
)
def test_a_workforce_that_can_not_be_is_refused(lab: Lab, request_: dict[str, Any]) -> None:
    assert refused(lab, "create_workforce", **{"WorkforceName": "birds", **request_})[0] == "ValidationException"


def test_people_come_from_the_addresses_that_they_may_come_from(tmp_path: Path) -> None:
    database = Database(f"sqlite:///{tmp_path / 'labeling.sqlite'}")
    workforces = Workforces(database, region=REGION, account=ACCOUNT)
    assert all(map(workforces.may_enter, ("192.0.2.7", "", "2001:db8::1")))
    ranges = {"Cidrs": ["192.0.2.0/24", "2001:db8::/32", "10.1.2.3/8"]}
    workforces.update({"WorkforceName": "default", "SourceIpConfig": ranges})
    allowed = ("192.0.2.7", "10.9.9.9", "2001:db8::1")
    refused_ = ("198.51.100.1", "", "testclient", "2001:db9::1")
    assert [workforces.may_enter(address) for address in (*allowed, *refused_)] == [True] * 3 + [False] * 4
    with database.read() as connection:
        assert table.find(connection, "DEFAULT") is not None
    with pytest.raises(ApiError, match="does not exist"):
        workforces.delete({"WorkforceName": "missing"})
    database.close()


def test_outsiders_find_no_portal(tmp_path: Path) -> None:
    inside = Inside(tmp_path)
    database = Database(f"sqlite:///{tmp_path / 'workforces.sqlite'}")
    workforces = Workforces(database, region=REGION, account=ACCOUNT)
    workforces.update({"WorkforceName": "default", "SourceIpConfig": {"Cidrs": ["192.0.2.7/32"]}})
    inside.service._entrance._workforces = workforces
    for path in ("/portal/static/x", "/portal", "/%70ortal/", "/portal/jobs"):
        status, _, body = inside.send("GET", f"http://localhost{path}")
        assert (status, b"nothing here" in body) == (404, True)
    assert b"nothing here" not in inside.send("GET", "http://localhost/portals/x")[2]
    inside.stop()
    database.close()


def test_terraform_makes_changes_and_unmakes_a_workforce_and_its_workteam(lab: Lab) -> None:
    """The calls of aws_cognito_user_pool, …_client, …_domain, …_group, aws_sagemaker_workforce and …_workteam, in the
    order in which the provider makes them; it knows by the text of an error that something is gone."""
    cognito, sagemaker = lab.service.client("cognito-idp"), lab.sagemaker
    pool = cognito.create_user_pool(PoolName="terraform")["UserPool"]["Id"]
    place = {"UserPoolId": pool}
    assert cognito.describe_user_pool(**place)["UserPool"]["Name"] == "terraform"
    arn = cognito.describe_user_pool(**place)["UserPool"]["Arn"]
    cognito.tag_resource(ResourceArn=arn, Tags={"env": "test"})
    assert cognito.list_tags_for_resource(ResourceArn=arn)["Tags"] == {"env": "test"}
    assert cognito.get_user_pool_mfa_config(**place)["MfaConfiguration"] == "OFF"
    client = cognito.create_user_pool_client(**place, ClientName="terraform", GenerateSecret=True)["UserPoolClient"]
    assert cognito.describe_user_pool_client(**place, ClientId=client["ClientId"])["UserPoolClient"]["ClientSecret"]
    cognito.create_user_pool_domain(**place, Domain="terraform")
    domain = cognito.describe_user_pool_domain(Domain="terraform")["DomainDescription"]
    assert (domain["Status"], domain["UserPoolId"]) == ("ACTIVE", pool)
    cognito.create_group(**place, GroupName="labelers")
    assert cognito.get_group(**place, GroupName="labelers")["Group"]["GroupName"] == "labelers"

    config = {"UserPool": pool, "ClientId": client["ClientId"]}
    sagemaker.create_workforce(WorkforceName="terraform", CognitoConfig=config)
    try:
        workforce = sagemaker.describe_workforce(WorkforceName="terraform")["Workforce"]
        assert (workforce["Status"], workforce["CognitoConfig"]) == ("Active", config)
        member = {"CognitoMemberDefinition": {**config, "UserGroup": "labelers"}}
        team = {"WorkteamName": "terraform", "MemberDefinitions": [member]}
        tags = [{"Key": "env", "Value": "test"}]
        made = sagemaker.create_workteam(**team, WorkforceName="terraform", Description="first", Tags=tags)
        described = sagemaker.describe_workteam(WorkteamName="terraform")["Workteam"]
        assert described["MemberDefinitions"] == [member]
        assert (described["WorkforceArn"], described["SubDomain"]) == (
            workforce["WorkforceArn"],
            workforce["SubDomain"],
        )
        assert sagemaker.list_tags(ResourceArn=made["WorkteamArn"])["Tags"] == tags
        presign = {"S3Presign": {"IamPolicyConstraints": {"SourceIp": "Enabled"}}}
        sagemaker.update_workteam(**team, Description="second", WorkerAccessConfiguration=presign)
        changed = sagemaker.describe_workteam(WorkteamName="terraform")["Workteam"]
        assert (changed["Description"], changed["WorkerAccessConfiguration"]) == ("second", presign)
        sagemaker.update_workforce(WorkforceName="terraform", SourceIpConfig={"Cidrs": ["127.0.0.0/8"]})
        cidrs = sagemaker.describe_workforce(WorkforceName="terraform")["Workforce"]["SourceIpConfig"]["Cidrs"]
        assert cidrs == ["127.0.0.0/8"]
        sagemaker.update_workforce(WorkforceName="terraform", WorkforceVpcConfig={})

        sagemaker.delete_workteam(WorkteamName="terraform")
        code, message, _ = refused(lab, "describe_workteam", WorkteamName="terraform")
        assert (code, message.startswith("The work team")) == ("ValidationException", True)
        assert refused(lab, "delete_workteam", WorkteamName="terraform")[1].startswith("The work team")
    finally:
        sagemaker.delete_workforce(WorkforceName="terraform")
    for operation in ("describe_workforce", "delete_workforce"):
        code, message, _ = refused(lab, operation, WorkforceName="terraform")
        assert (code, "No workforce" in message) == ("ValidationException", True)
    cognito.delete_group(**place, GroupName="labelers")
    cognito.delete_user_pool_domain(**place, Domain="terraform")
    cognito.delete_user_pool_client(**place, ClientId=client["ClientId"])
    cognito.delete_user_pool(**place)
    with pytest.raises(cognito.exceptions.ResourceNotFoundException):
        cognito.describe_user_pool(**place)


def test_a_workteam_is_of_the_workforce_with_its_user_pool(lab: Lab) -> None:
    """AWS::SageMaker::Workteam need not name the workforce."""
    lab.sagemaker.create_workforce(WorkforceName="birds", CognitoConfig=COGNITO)
    try:
        for pool, workforce in ((COGNITO["UserPool"], "birds"), ("us-east-1_other", "default")):
            member = {"CognitoMemberDefinition": {**COGNITO, "UserPool": pool, "UserGroup": "a"}}
            lab.sagemaker.create_workteam(WorkteamName="stack-Team", MemberDefinitions=[member], Description="x")
            try:
                described = lab.sagemaker.describe_workteam(WorkteamName="stack-Team")["Workteam"]
                assert described["WorkforceArn"].endswith(f"/{workforce}")
                listed = lab.service.client("cognito-idp").list_groups(UserPoolId=pool)["Groups"]
                assert [group["GroupName"] for group in listed] == ["a"]
            finally:
                lab.sagemaker.delete_workteam(WorkteamName="stack-Team")
    finally:
        lab.sagemaker.delete_workforce(WorkforceName="birds")


def told_identity(lab: Lab, team: str, *names: str) -> dict[str, Any]:
    """What the answer of people of a workteam tells of the last one of them; the others don't see the job."""
    title = f"Which animal {own_id().hex}?"
    name = lab.create(texts(1), workforce=PrivateWorkteam(team), title=title, workers_per_object=1)
    lab.wait(name, {"InProgress"})
    link = None
    for person in names:
        browser = Browser(lab.service.endpoint_url).sign_in(person)
        link = re.search(rf'href="/portal/jobs/(\d+)"><bdi>{re.escape(title)}', browser.page("/"))
        assert (link is not None) == (person == names[-1])
    assert link is not None
    browser.submit(int(link[1]), browser.next(int(link[1]), 5)["task"]["id"], "cat")
    lab.wait(name)
    (key,) = lab.keys(f"out/{name}/annotations/worker-response/")
    (answer,) = json.loads(lab.get(f"s3://{lab.bucket}/{key}"))["answers"]
    return dict(answer["workerMetadata"]["identityData"])


def test_who_is_in_a_group_of_the_user_pool_labels_and_is_told_by_the_pool(lab: Lab) -> None:
    cognito = lab.service.client("cognito-idp")
    pool = cognito.create_user_pool(PoolName="whole")["UserPool"]["Id"]
    client = cognito.create_user_pool_client(UserPoolId=pool, ClientName="whole")["UserPoolClient"]["ClientId"]
    cognito.create_group(UserPoolId=pool, GroupName="group")
    user = cognito.admin_create_user(UserPoolId=pool, Username="edith@example.com")["User"]
    config = {"UserPool": pool, "ClientId": client}
    lab.sagemaker.create_workforce(WorkforceName="whole", CognitoConfig=config)
    members: Any = [{"CognitoMemberDefinition": {**config, "UserGroup": "group"}}]
    try:
        team = lab.sagemaker.create_workteam(
            WorkteamName="whole", WorkforceName="whole", MemberDefinitions=members, Description="x"
        )["WorkteamArn"]
        cognito.admin_add_user_to_group(UserPoolId=pool, GroupName="group", Username="edith@example.com")
        identity = told_identity(lab, team, "stranger", "edith@example.com")
    finally:
        lab.sagemaker.delete_workteam(WorkteamName="whole")
        lab.sagemaker.delete_workforce(WorkforceName="whole")
    assert identity == {
        "identityProviderType": "Cognito",
        "issuer": f"https://cognito-idp.us-east-1.amazonaws.com/{pool}",
        "sub": next(attribute["Value"] for attribute in user["Attributes"] if attribute["Name"] == "sub"),
    }


def test_people_of_an_oidc_workforce_are_told_by_its_issuer(lab: Lab, workforce: str) -> None:
    members: Any = [{"OidcMemberDefinition": {"Groups": ["g"]}}]
    team = lab.sagemaker.create_workteam(WorkteamName="oidc", MemberDefinitions=members, Description="x")["WorkteamArn"]
    try:
        described = lab.sagemaker.describe_workteam(WorkteamName="oidc")["Workteam"]
        assert described["WorkforceArn"].endswith(f"/{workforce}")
        identity = told_identity(lab, team, "anybody")
    finally:
        lab.sagemaker.delete_workteam(WorkteamName="oidc")
    assert (identity["identityProviderType"], identity["issuer"]) == ("Oidc", HERE)


def test_a_browser_finds_the_portal_at_a_workteams_subdomain(lab: Lab) -> None:
    place = lab.sagemaker.describe_workteam(WorkteamName="private-people")["Workteam"]["SubDomain"]
    with urllib.request.urlopen(f"http://{place}") as page:
        assert (page.status, page.headers["content-type"].partition(";")[0]) == (200, "text/html")
        assert b"<form" in page.read()


def test_the_portal_is_where_the_caller_finds_the_service(lab: Lab) -> None:
    """Behind a proxy, or on an address for all machines, only the caller knows a name that leads here."""
    name = f"localhost:{urlsplit(lab.service.endpoint_url).port}"
    headers = {"host": name, "content-type": "application/x-amz-json-1.1"}
    for operation, entry in (("ListWorkteams", "Workteams"), ("ListWorkforces", "Workforces")):
        _, body, _ = ask(lab.service, "POST", "/", {**headers, "x-amz-target": f"SageMaker.{operation}"}, b"{}")
        assert {listed["SubDomain"] for listed in json.loads(body)[entry]} == {f"{name}/portal"}
