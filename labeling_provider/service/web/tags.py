"""The operations on tags. Source: API reference of each operation."""

from __future__ import annotations

from collections.abc import Iterable
from http import HTTPStatus
from typing import Any

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.tag_lists import read_tags, write_tags
from labeling_provider.service.database import job_rows, tag_rows
from labeling_provider.service.database.database import Connection, Database
from labeling_provider.service.failures import ApiError, not_found
from labeling_provider.service.work.requesters import Requester


class Tags:
    """Add-, List- and DeleteTags, for labeling jobs, workteams, workforces and worker templates."""

    def __init__(self, database: Database) -> None:
        self._database = database

    def add(self, request: dict[str, Any], who: Requester) -> dict[str, Any]:
        """AddTags. A tag with the same key is replaced.

        :raises ApiError: if there is no such resource, it is not the requester's, it would have too many tags, or it
            would no longer have those that the requester's key is for.
        """
        arn = request["ResourceArn"]
        with self._database.write() as connection:
            _check_taggable(connection, arn, who)
            add_tags(connection, arn, request["Tags"])
            _check_kept(connection, arn, who)
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

        :raises ApiError: if there is no such resource, it is not the requester's, or it would no longer have the tags
            that the requester's key is for.
        """
        arn = request["ResourceArn"]
        with self._database.write() as connection:
            _check_taggable(connection, arn, who)
            tag_rows.delete_tags(connection, arn, request["TagKeys"])
            _check_kept(connection, arn, who)
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
    if not tag_rows.is_taggable(connection, arn) or not _covers(connection, arn, who):
        raise not_found(f"There is no labeling job, workteam, workforce or worker template {arn}.")


def _check_kept(connection: Connection, arn: str, who: Requester) -> None:
    """:raises ApiError: if the resource no longer has the tags that the requester's key is for."""
    if not _covers(connection, arn, who):
        needed = ", ".join(f"{name}={value}" for name, value in sorted(who.tags.items()))
        message = f"The key of {who.name} is for jobs tagged {needed} only, so these tags must stay."
        raise ApiError("AccessDenied", message, HTTPStatus.FORBIDDEN)


def _covers(connection: Connection, arn: str, who: Requester) -> bool:
    """Whether a requester's key is for a resource. Requesters own nothing but labeling jobs."""
    if who.is_administrator:
        return True
    job = job_rows.find_job_by_arn(connection, arn)
    return job is not None and is_own_job(connection, who, arn, job.workteam_arn)
