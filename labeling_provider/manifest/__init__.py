"""Reads and checks manifests: JSON Lines files of data objects. Plain Python: no Airflow, no network."""

from labeling_provider.manifest.reader import (
    LineProblem,
    ManifestError,
    ManifestReport,
    check_manifest,
    parse_line,
    read_manifest,
    split_lines,
)
from labeling_provider.manifest.rounds import merge_rounds, missing_lines

__all__ = [
    "LineProblem",
    "ManifestError",
    "ManifestReport",
    "check_manifest",
    "merge_rounds",
    "missing_lines",
    "parse_line",
    "read_manifest",
    "split_lines",
]
