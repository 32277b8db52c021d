"""Brings worker templates from Amazon to a self-hosted service. Amazon is only read."""

from __future__ import annotations

import hashlib
import urllib.request
from collections.abc import Iterator
from typing import Final

from labeling_provider.client.retries import is_not_found, is_outage
from labeling_provider.groundtruth.facts import Quota
from labeling_provider.groundtruth.tag_lists import write_tags
from labeling_provider.groundtruth.uris import is_web_address
from labeling_provider.jobs.moving_parts import Entry, Mover, MovingError, Outcome, ask, entries, tags_at

MAX_DOWNLOAD_SECONDS: Final = 30
_MAX_TEMPLATE_BYTES: Final = 4 * Quota.TEMPLATE


class NamedTemplates(Mover):
    """Worker templates on their way."""

    def bring_all(self) -> Iterator[Entry]:
        """Bring every worker template that has a name of its own (a human task UI).

        :raises MovingError: if they can't be listed.
        """
        for summary in entries(self._source, "list_human_task_uis", "HumanTaskUiSummaries"):
            name = str(summary["HumanTaskUiName"])
            try:
                yield self._bring(name)
            except MovingError as error:
                if is_outage(error):
                    raise
                yield Entry("worker template", name, Outcome.REFUSED, (str(error),))

    def _bring(self, name: str) -> Entry:
        what = f"Describing the worker template {name}"
        described = ask(self._source, "describe_human_task_ui", what, HumanTaskUiName=name)
        template = described["UiTemplate"]
        try:
            here = ask(self._target, "describe_human_task_ui", what, HumanTaskUiName=name)["UiTemplate"]
        except MovingError as error:
            if not is_not_found(error):
                raise
        else:
            if here["ContentSha256"] != template["ContentSha256"]:
                raise MovingError("The service has a different worker template with this name. It was left as it is.")
            return Entry("worker template", name, Outcome.THERE)
        content = _download(str(template["Url"]), str(template["ContentSha256"]))
        own = tags_at(self._source, str(described["HumanTaskUiArn"]))
        tags = {key: value for key, value in own.items() if not key.startswith("aws:")}
        if not self._dry_run:
            ask(
                self._target,
                "create_human_task_ui",
                f"Creating the worker template {name}",
                HumanTaskUiName=name,
                UiTemplate={"Content": content},
                Tags=write_tags(tags),
            )
        return Entry("worker template", name, Outcome.MADE)


def _download(url: str, sha256: str) -> str:
    """The text of a worker template.

    :raises MovingError: if it can't be read, or is not the one that was described.
    """
    if not is_web_address(url):
        raise MovingError("The address of its template is not a web address.")
    try:
        with urllib.request.urlopen(url, timeout=MAX_DOWNLOAD_SECONDS) as response:  # noqa: S310 - looked at above
            body = response.read(_MAX_TEMPLATE_BYTES + 1)
    except (OSError, ValueError) as error:
        raise MovingError(f"Its template can't be read: {error}") from None
    if len(body) > _MAX_TEMPLATE_BYTES:
        raise MovingError(f"Its template is larger than {_MAX_TEMPLATE_BYTES:,} bytes.")
    if hashlib.sha256(body).hexdigest() != sha256.lower():
        raise MovingError("Its template is not the one that was described: the checksum differs.")
    try:
        return str(body.decode())
    except UnicodeDecodeError:
        raise MovingError("Its template is not UTF-8.") from None
