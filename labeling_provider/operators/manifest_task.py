"""The base of all tasks on manifests, and how they read results of other tasks."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from functools import cached_property
from typing import TYPE_CHECKING, Any, Final

from labeling_provider.errors import LabelingError
from labeling_provider.operators.arguments import manifest_in
from labeling_provider.operators.base import LabelingTask
from labeling_provider.operators.lineage import Lineage

if TYPE_CHECKING:
    from airflow.sdk import BaseOperatorLink

    from labeling_provider.manifest import Manifests

ON_PROBLEMS: Final = ("fail", "warn")
_MANIFEST_ENDINGS: Final = (".manifest", ".manifest.gz")


class ManifestTask(Lineage, LabelingTask):
    """Base of all tasks on manifests."""

    operator_extra_links: Collection[BaseOperatorLink] = ()

    @cached_property
    def manifests(self) -> Manifests:
        """Operations on manifests in S3, through this task's connection."""
        from labeling_provider.manifest import Manifests

        return Manifests(self.ground_truth.objects)

    def manifests_at(self, uris: Iterable[str]) -> Iterator[str]:
        """URIs of manifests; a URI that ends with ``/`` is a prefix with any number of manifests.

        :raises LabelingError: if a prefix can't be listed.
        """
        from labeling_provider.client.listing import list_uris

        for uri in uris:
            if uri.endswith("/"):
                yield from list_uris(self.ground_truth.objects, uri, _MANIFEST_ENDINGS)
            else:
                yield uri


def label_attribute_of(given: str | None, source: Any) -> str:
    """The given label attribute, or else the one in a labeling job's result.

    :param source: a manifest's URI, or the result of a task.
    :raises LabelingError: if neither has one.
    """
    attribute = given or (source.get("label_attribute_name") if isinstance(source, Mapping) else None)
    if not isinstance(attribute, str):
        raise LabelingError("Set label_attribute_name, because manifest_uri is not the result of a labeling job.")
    return attribute


def manifest_uris_of(given: Any) -> list[str]:
    """URIs of manifests, from URIs or from results of tasks.

    :raises LabelingError: if a result has no manifest.
    """
    uris = []
    is_one = isinstance(given, str | Mapping) or not isinstance(given, Iterable)
    for manifest in [given] if is_one else given:
        uri = manifest_in(manifest) if isinstance(manifest, Mapping) else manifest
        if not uri or not isinstance(uri, str):
            raise LabelingError(
                f"{str(manifest)[:200]} has neither output_manifest_uri nor manifest_uri; pass a manifest's URI, or "
                "the result of a task that wrote one."
            )
        uris.append(uri)
    return uris
