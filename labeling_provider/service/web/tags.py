"""The operations on tags. Source: API reference of each operation."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.tag_lists import read_tags, write_tags
from labeling_provider.service.database import tag_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.failures import ApiError, not_found
from labeling_provider.service.work.requesters import Requester


class Tags:
    """Add-, List- and DeleteTags, for labeling jobs, workteams, workforces and worker templates."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, request: dict[str, Any], who: Requester) -> dict[str, Any]:
        """AddTags. A tag with the same key is replaced.

        :raises ApiError: if there is no such resource, it is not the requester's, or it would have too many tags.
        """
        arn = request["ResourceArn"]
        with self._database.write() as connection:
            _check_taggable(connection, arn, who)
            add_tags(connection, arn, request["Tags"])
            return {"Tags": list_tags(connection, arn)}

    def list(self, request: dict[str, Any], who: Requester) -> dict[str, Any]:
        """ListTags. A resource has at most 50 tags, so the first page holds them all.

        :raises ApiError: if there is no such resource, or it is not the requester's.
        """
        with self._database.read() as connection:
            _check_taggable(connection, request["ResourceArn"], who)
            return {"Tags": list_tags(connection, request["ResourceArn"])}

    def delete(self, request: dict[str, Any], who: Requester) -> dict[str, Any]:
        """DeleteTags.

        :raises ApiError: if there is no such resource, or it is not the requester's.
        """
        with self._database.write() as connection:
            _check_taggable(connection, request["ResourceArn"], who)
            tag_rows.delete_tags(connection, request["ResourceArn"], request["TagKeys"])
        return {}


def list_tags(connection: Connection, arn: str) -> list[dict[str, str]]:
    """All tags of a resource, as the API returns them."""
    return write_tags(tag_rows.read_tags(connection, arn))


def add_tags(connection: Connection, arn: str, given: Iterable[dict[str, str]]) -> None:
    """Add tags to a resource, within the caller's transaction.

    :raises ApiError: if there would be too many.
    """
    new = read_tags(given)
    count = len(tag_rows.read_tags(connection, arn).keys() | new.keys())
    if count > Quota.TAGS:
        raise ApiError("ResourceLimitExceeded", f"{count} tags, at most {Quota.TAGS} are allowed.")
    tag_rows.put_tags(connection, arn, new)


def is_own_job(connection: Connection, who: Requester, arn: str, workteam_arn: str) -> bool:
    """Whether a labeling job is one that somebody may see and stop."""
    if who.is_administrator:
        return True
    return who.owns(connection, arn) and who.covers(workteam_arn, tag_rows.read_tags(connection, arn))


def _check_taggable(connection: Connection, arn: str, who: Requester) -> None:
    """:raises ApiError: if the resource can't have tags, or is not the requester's."""
    if not tag_rows.is_taggable(connection, arn) or not who.owns(connection, arn):
        raise not_found(f"There is no labeling job, workteam, workforce or worker template {arn}.")
