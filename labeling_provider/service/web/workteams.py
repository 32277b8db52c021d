"""The operations on workteams. Source: API reference of each operation."""

from __future__ import annotations

from typing import Any, Final

from labeling_provider.groundtruth.facts import arn_of
from labeling_provider.groundtruth.workforce_identity import TeamMember, UserGroup, UserPool
from labeling_provider.service.cloud.identity import Directory
from labeling_provider.service.database import people_rows, tag_rows, workteam_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.database.job_rows import NameTaken
from labeling_provider.service.database.paging import BadToken
from labeling_provider.service.database.workforce_rows import OWN_CLIENT, own_user_pool
from labeling_provider.service.database.workteam_rows import WorkteamRow
from labeling_provider.service.failures import ApiError, not_found, validation_error
from labeling_provider.service.web.lists import next_token, page_request
from labeling_provider.service.web.private_workforces import DEFAULT, check_workforce, workforce_arn, workforce_of
from labeling_provider.service.web.tags import add_tags
from labeling_provider.service.work.workforce import PEOPLE, WorkforceFile

MAX_WORKTEAMS: Final = 25
_SETTINGS: Final[tuple[str, ...]] = ("NotificationConfiguration", "WorkerAccessConfiguration")


class Workteams:
    """Create-, Describe-, List-, Update- and DeleteWorkteam, and the reads of vendors' workteams.

    The workteams that exist from the start are created here, unless an earlier start has created them.

    :param directory: the user pools with the people of their groups.
    """

    def __init__(
        self,
        database: Database,
        workforce: WorkforceFile,
        directory: Directory,
        *,
        region: str,
        account: str,
    ) -> None:
        self._database, self._workforce, self._directory = database, workforce, directory
        self._region, self._account = region, account
        self._create_initial()

    def _create_initial(self) -> None:
        names = self._workforce.names
        with self._database.write() as connection:
            known = workteam_rows.known_arns(connection, names.values())
            for name, arn in names.items():
                if arn in known:
                    continue
                who = "People" if name == PEOPLE else "Simulated workers"
                group = UserGroup(UserPool(own_user_pool(self._region), OWN_CLIENT), name)
                workteam_rows.insert(
                    connection,
                    name=name,
                    arn=arn,
                    description=f"{who} of the service",
                    members=[group.as_member()],
                    settings={},
                )

    def create(self, request: dict[str, Any]) -> dict[str, Any]:
        """CreateWorkteam.

        :raises ApiError: if the name is taken, there are too many workteams, or the members can't be of one team.
        """
        members = _checked_members(request["MemberDefinitions"])
        name = request["WorkteamName"]
        arn = arn_of("sagemaker", f"workteam/private-crowd/{name}", self._region, self._account)
        settings = {key: request[key] for key in _SETTINGS if key in request}
        try:
            with self._directory.following(arn), self._database.write() as connection:
                if workteam_rows.count_workteams(connection) >= MAX_WORKTEAMS + len(self._workforce.names):
                    raise ApiError("ResourceLimitExceeded", f"There are already {MAX_WORKTEAMS} workteams.")
                if "WorkforceName" in request:
                    settings["WorkforceName"] = check_workforce(connection, request["WorkforceName"], members)
                elif workforce := workforce_of(connection, members):
                    settings["WorkforceName"] = workforce
                workteam_rows.insert(
                    connection,
                    name=name,
                    arn=arn,
                    description=request["Description"],
                    members=members,
                    settings=settings,
                )
                add_tags(connection, arn, request.get("Tags", []))
        except NameTaken:
            raise ApiError("ResourceInUse", f"A workteam named {name} already exists.") from None
        return {"WorkteamArn": arn}

    def describe(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeWorkteam.

        :raises ApiError: if there is no such workteam.
        """
        with self._database.read() as connection:
            return {"Workteam": self._entry(_workteam(connection, request["WorkteamName"]))}

    def list(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListWorkteams: this account's private workteams, as on Amazon."""
        order = request.get("SortBy", "CreateDate")
        with self._database.read() as connection:
            rows, token = workteam_rows.list_private_workteams(
                connection, request.get("NameContains"), order, page_request(request)
            )
        return {"Workteams": [self._entry(row) for row in rows], **next_token(token)}

    def update(self, request: dict[str, Any]) -> dict[str, Any]:
        """UpdateWorkteam.

        :raises ApiError: if there is no such workteam, or the members can't be of one team.
        """
        with self._database.read() as connection:
            arn = _workteam(connection, request["WorkteamName"]).arn
        with self._directory.following(arn), self._database.write() as connection:
            row = _workteam(connection, request["WorkteamName"])
            members = request.get("MemberDefinitions")
            if members is not None and "WorkforceName" in row.settings:
                check_workforce(connection, row.settings["WorkforceName"], members)
            workteam_rows.update_workteam(
                connection,
                row.arn,
                description=request.get("Description", row.description),
                members=row.members if members is None else _checked_members(members),
                settings={**row.settings, **{key: request[key] for key in _SETTINGS if key in request}},
            )
        return self.describe({"WorkteamName": row.name})

    def delete(self, request: dict[str, Any]) -> dict[str, Any]:
        """DeleteWorkteam.

        :raises ApiError: if there is no such workteam.
        """
        with self._database.write() as connection:
            row = _workteam(connection, request["WorkteamName"])
            workteam_rows.delete_workteam(connection, row.arn)
            people_rows.leave_all(connection, row.arn)
            tag_rows.delete_all_tags(connection, row.arn)
        return {"Success": True}

    def describe_subscribed(self, request: dict[str, Any]) -> dict[str, Any]:
        """DescribeSubscribedWorkteam: there is no marketplace here.

        :raises ApiError: always.
        """
        raise not_found(f"There is no subscription to the workteam {request['WorkteamArn']}.")

    def list_subscribed(self, request: dict[str, Any]) -> dict[str, Any]:
        """ListSubscribedWorkteams.

        :raises BadToken: if it should go on: there is no second page.
        """
        if "NextToken" in request:
            raise BadToken
        return {"SubscribedWorkteams": []}

    def _entry(self, row: WorkteamRow) -> dict[str, Any]:
        """A Workteam."""
        settings = dict(row.settings)
        workforce = settings.pop("WorkforceName", DEFAULT)
        return {
            "WorkteamName": row.name,
            "WorkteamArn": row.arn,
            "WorkforceArn": workforce_arn(self._region, self._account, workforce),
            "MemberDefinitions": row.members,
            "Description": row.description,
            "CreateDate": row.created,
            "LastUpdatedDate": row.updated,
            **settings,
        }


def _workteam(connection: Connection, name: str) -> WorkteamRow:
    """:raises ApiError: if there is no workteam with this name."""
    row = workteam_rows.find(connection, name)
    if row is None:
        # Terraform treats one as deleted only if the text begins like this.
        raise validation_error(f"The work team {name} does not exist.")
    return row


def _checked_members(members: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Check the members of a workteam: all from one Cognito user pool, or all from OIDC.

    :raises ApiError: if they are mixed.
    """
    kinds = {key for member in members for key in member}
    if len(kinds) != 1 or any(len(member) != 1 for member in members):
        raise validation_error("MemberDefinitions must all be CognitoMemberDefinition or all OidcMemberDefinition.")
    if len({TeamMember(member).user_pool for member in members}) > 1:
        raise validation_error("All members must have the same user pool and client.")
    return members
