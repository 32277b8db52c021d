"""Brings workteams and their people from Amazon to a self-hosted service. Amazon is only read."""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any, Final

from labeling_provider.client.ground_truth import GroundTruth
from labeling_provider.client.list_pages import pages
from labeling_provider.client.retries import error_code, is_outage
from labeling_provider.groundtruth.tag_lists import write_tags
from labeling_provider.groundtruth.workforce_identity import TeamMember, WorkforceIdentity
from labeling_provider.jobs.moving_parts import (
    SOURCE_TAG,
    Entry,
    Mover,
    MovingError,
    Outcome,
    answered,
    ask,
    entries,
    tags_at,
)

PEOPLE: Final = "private-people"
"""The service's own workteam for people."""
MAX_NAMED: Final = 20
"""Most failed people to name; any further ones are only counted."""

_MEMBERS_TAG: Final = "labeling-import:members"
_COMING, _HERE = "coming", "here"
_UUID: Final = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}", re.IGNORECASE)


class Teams(Mover):
    """Workteams on their way."""

    def __init__(self, source: GroundTruth, target: GroundTruth, *, dry_run: bool = False) -> None:
        super().__init__(source, target, dry_run=dry_run)
        self._arns: dict[str, str] = {}

    def bring_all(self) -> Iterator[Entry]:
        """Bring every private workteam.

        :raises MovingError: if they can't be listed.
        """
        for team in entries(self._source, "list_workteams", "Workteams"):
            try:
                yield from self.bring(str(team["WorkteamArn"]))
            except MovingError as error:
                if is_outage(error):
                    raise
                yield Entry("workteam", str(team["WorkteamName"]), Outcome.REFUSED, (str(error),))

    def check(self, arn: str) -> None:
        """Make sure that a private workteam is here or, as far as can be seen, can be brought.

        :param arn: the workteam's ARN at the source.
        :raises MovingError: if it can't be.
        """
        name = _name(arn)
        if name not in self._arns and self._find(name) is None:
            self._described(name)

    def bring(self, arn: str) -> Iterator[Entry]:
        """Create a private workteam with its people, unless that was done before.

        :param arn: the workteam's ARN at the source.
        :raises MovingError: if it can't be made.
        """
        name = _name(arn)
        if name in self._arns:
            return
        present = self._find(name)
        if present is None:
            yield self._created(name)
            return
        self._arns[name] = str(present["WorkteamArn"])
        tags, notes = tags_at(self._target, self._arns[name]), list[str]()
        if tags.get(SOURCE_TAG) != arn:
            notes.append(
                "The service already had a workteam with this name. Its members were left as they are, and "
                f"will work on the imported jobs; --workteam {arn}=NAME chooses another one."
            )
        elif tags.get(_MEMBERS_TAG) == _COMING:
            notes = self._bring_people(name, present["MemberDefinitions"])
        yield Entry("workteam", name, Outcome.THERE, tuple(notes))

    def _described(self, name: str) -> dict[str, Any]:
        """A workteam of the source.

        :raises MovingError: if there is none with this name, or the service does not know where its people sign in.
        """
        answer = ask(self._source, "describe_workteam", f"Describing the workteam {name}", WorkteamName=name)
        team: dict[str, Any] = answer["Workteam"]
        if any(TeamMember(member).is_at_provider for member in team["MemberDefinitions"]):
            self._check_provider()
        return team

    def _created(self, name: str) -> Entry:
        """:raises MovingError: if it can't be made."""
        team, notes = self._described(name), list[str]()
        tags = {SOURCE_TAG: str(team["WorkteamArn"]), _MEMBERS_TAG: _COMING}
        try:
            own = tags_at(self._source, tags[SOURCE_TAG])
            tags |= {key: value for key, value in own.items() if not key.startswith(("aws:", "labeling-import:"))}
        except MovingError as error:
            notes.append(f"Its tags can't be read: {error}")
        if team.get("NotificationConfiguration", {}).get("NotificationTopicArn"):
            notes.append("Its notification topic was left out.")
        if self._dry_run:
            self._arns[name] = str(team["WorkteamArn"])
        else:
            response = ask(
                self._target,
                "create_workteam",
                f"Creating the workteam {name}",
                WorkteamName=name,
                Description=team["Description"],
                MemberDefinitions=team["MemberDefinitions"],
                Tags=write_tags(tags),
                **{key: team[key] for key in ("WorkerAccessConfiguration",) if key in team},
            )
            self._arns[name] = str(response["WorkteamArn"])
        notes += self._bring_people(name, team["MemberDefinitions"])
        return Entry("workteam", name, Outcome.MADE, tuple(notes))

    def arn(self, arn: str) -> str:
        """ARN here of a workteam that was brought.

        :param arn: its ARN at the source.
        """
        return self._arns[_name(arn)]

    def existing(self, name: str) -> str:
        """ARN of a workteam of the service.

        :raises MovingError: if there is none with this name.
        """
        present = self._find(name)
        if present is None:
            raise MovingError(f"The service has no workteam named {name}.")
        return str(present["WorkteamArn"])

    def _check_provider(self) -> None:
        """:raises MovingError: if the service lacks a workforce with an OIDC provider, which can't be imported."""
        workforces = ask(self._target, "list_workforces", "Listing the workforces")["Workforces"]
        if all(WorkforceIdentity(workforce).provider is None for workforce in workforces):
            raise MovingError(
                "Its people sign in with an OIDC provider. First create its workforce on the service "
                "(CreateWorkforce): Amazon does not reveal the ClientSecret."
            )

    def _find(self, name: str) -> dict[str, Any] | None:
        try:
            described: dict[str, Any] = ask(
                self._target, "describe_workteam", f"Looking for the workteam {name}", WorkteamName=name
            )["Workteam"]
        except MovingError as error:
            if error_code(error) == "ValidationException":
                return None
            raise
        return described

    def _bring_people(self, name: str, members: list[dict[str, Any]]) -> list[str]:
        """Put the people of a workteam's groups into them here.

        :return: notes for the report.
        """
        people, notes, problems = 0, [], []
        for member in members:
            group = TeamMember(member).group
            if group is None:
                notes.append("Its people sign in with their OIDC provider.")
                continue
            place = group.place
            try:
                for user in _users(self._source, place):
                    person = _name_of(user)
                    if not user.get("Enabled", True):
                        notes.append(f"{person} is disabled and was left out.")
                        continue
                    try:
                        self._add(place, person)
                        people += 1
                    except MovingError as error:
                        if is_outage(error):
                            raise
                        problems.append(str(error))
            except MovingError as error:
                if is_outage(error):
                    raise
                problems.append(str(error))
        if people:
            who = "One person" if people == 1 else f"{people:,} people"
            notes.insert(0, f"{who}. Passwords are not imported: invite each person with labeling workers invite.")
        if problems:
            more = f" And {len(problems) - MAX_NAMED:,} more." if len(problems) > MAX_NAMED else ""
            notes.append(f"Not all of its people are here: {' '.join(problems[:MAX_NAMED])}{more}")
        elif not self._dry_run:
            tags = write_tags({_MEMBERS_TAG: _HERE})
            ask(self._target, "add_tags", f"Tagging {name}", ResourceArn=self._arns[name], Tags=tags)
        return notes

    def _add(self, place: dict[str, str], name: str) -> None:
        """:raises MovingError: if the service refuses the person."""
        if self._dry_run:
            return
        cognito, what = self._target.client("cognito-idp"), f"Adding {name}"
        try:
            answered(
                self._target, lambda: cognito.admin_create_user(UserPoolId=place["UserPoolId"], Username=name), what
            )
        except MovingError as error:
            if error_code(error) != "UsernameExistsException":
                raise
        answered(self._target, lambda: cognito.admin_add_user_to_group(**place, Username=name), what)


def _name(arn: str) -> str:
    return arn.rpartition("/")[2]


def _users(where: GroundTruth, place: dict[str, str]) -> Iterator[dict[str, Any]]:
    """The users of a Cognito group.

    :raises MovingError: if they can't be listed.
    """
    cognito = where.client("cognito-idp")

    def page_of(**request: Any) -> dict[str, Any]:
        return answered(where, lambda: cognito.list_users_in_group(**request), "Listing the users of a group")

    for page in pages(page_of, **place, Limit=60):
        yield from page["Users"]


def _name_of(user: dict[str, Any]) -> str:
    """What a person signs in with here: the user name, or the e-mail address if the name is only a number."""
    name = str(user["Username"])
    attributes = {attribute["Name"]: attribute.get("Value", "") for attribute in user.get("Attributes", [])}
    return str(attributes.get("email") or name) if _UUID.fullmatch(name) else name
