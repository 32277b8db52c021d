"""Links to objects for a worker's browser: the filter ``grant_read_access`` of worker templates.

A link is signed with a key that only this service knows, so the link alone proves that its bearer may read the
object. It is the same within an hour, so that a browser finds a picture that it has loaded ahead.
"""

from __future__ import annotations

import hmac
import re
import secrets
import time
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final
from urllib.parse import urlsplit

from labeling_provider.groundtruth.uris import split_s3_uri
from labeling_provider.service.cloud.object_store import ObjectStore
from labeling_provider.service.web.signatures import Credentials, presigned

_KEY_ID: Final = "worker-portal"
_SAME_SECONDS: Final = 3600
_MAX_ADDRESS: Final = 8_192
_BUCKET: Final = re.compile(r"[a-z0-9][a-z0-9._-]{1,61}[a-z0-9]", re.IGNORECASE)


def make_link_credentials(secret: str | None = None) -> Credentials:
    """Keys for links.

    :param secret: what they follow from, so that each process of a service has the same ones, also after a restart.
        Without it, they are valid as long as this process runs.
    """
    if secret is None:
        return Credentials(_KEY_ID, secrets.token_urlsafe(32))
    return Credentials(_KEY_ID, hmac.digest(secret.encode(), _KEY_ID.encode(), "sha256").hex())


@dataclass(frozen=True)
class Signer:
    """Signs links.

    :param objects: where the objects are.
    :param credentials: the service's keys for links.
    :param region: the service's region.
    """

    objects: ObjectStore
    credentials: Credentials
    region: str

    def links(self, base: str, seconds: float) -> Links:
        """The links of one page.

        :param base: the service as the browser sees it: ``http://host:port``.
        :param seconds: how long they are valid at least; a week at most.
        """
        return Links(self, base, seconds)


@dataclass
class Links:
    """The links of one page.

    :ivar given: those that were asked for, in order, each once.
    """

    signer: Signer
    base: str
    seconds: float
    given: dict[str, None] = field(default_factory=dict)

    def grant(self, text: str) -> str:
        """A link for an object; what is not the address of one is returned as it is.

        :param text: ``s3://bucket/key`` or the object's address at Amazon.
        """
        place = object_place(text)
        if place is None:
            return text
        now = int(time.time())
        signed_at = datetime.fromtimestamp(now - now % _SAME_SECONDS, UTC)
        # A page may be loaded ahead, some time before its task's time begins.
        seconds = int(self.seconds) + 2 * _SAME_SECONDS
        link = self.signer.objects.link(*place, signed_at, seconds)
        if link is None:
            host = urlsplit(self.base).netloc
            keys, region = self.signer.credentials, self.signer.region
            link = self.base + presigned(host, *place, keys, region, signed_at, seconds)
        self.given[link] = None
        return link

    def fresh(self, url: str) -> str | None:
        """The present link for the object of an earlier link of the page; None if there is none."""
        place = _without_query(url)
        return next((link for link in self.given if _without_query(link) == place), None)


def object_place(text: str) -> tuple[str, str] | None:
    """Bucket and key of an object's address; None if it is not one."""
    if len(text) > _MAX_ADDRESS:
        return None
    try:
        bucket, key = split_s3_uri(text)
    except ValueError:
        return None
    # A browser would remove dots from the path, and the signature would no longer match.
    is_plain = not any(part in {".", ".."} for part in key.split("/"))
    return (bucket, key) if _BUCKET.fullmatch(bucket) and key and is_plain else None


def _without_query(url: str) -> str:
    return url.partition("?")[0]
