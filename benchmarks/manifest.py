"""``make bench-manifest``: check a manifest, filter it by confidence and divide it into three sets, ours beside others.

Half of the lines are classifications, half boxes. Everybody reads the same file, and writes the lines that are sure
enough into three; for the filter alone, into one.

- json: ``json.loads`` and ``json.dumps`` per line, one line at a time; and as Amazon's example notebooks have it, with
  all lines in a list.
- pandas: ``read_json(lines=True)`` in pieces of 50,000 lines, and ``to_json``.
- polars: ``scan_ndjson`` with a filter, to ``sink_ndjson``; the filter alone.

Each runs in a fresh process, in turns; medians. Memory is the process's peak. The last line is JSON: their time divided
by ours. ``--smallest`` leaves out what is not installed.
"""

from __future__ import annotations

import argparse
import json
import random
import resource
import statistics
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Callable
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from zlib import crc32

from dev.stack import ROOT

ROUNDS = 3
SURE = 0.5
SHARES = {"train": 0.8, "validation": 0.1, "test": 0.1}
KNOWN = {
    "human-annotated": "yes",
    "creation-date": "2026-05-03T09:14:02.318240",
    "job-name": "labeling-job/marsh",
}


def generate(path: Path, lines: int) -> None:
    """Write a manifest whose label ``marsh`` is a classification on one line and boxes on the next."""
    chance = random.Random(5)
    with path.open("w") as file:
        for number in range(lines):
            line: dict[str, Any] = {"source-ref": f"s3://marsh-images/2026/05/{number:09}.jpg"}
            confidence = round(chance.random(), 2)
            if number % 2:
                known = {"class-name": "stork", "confidence": confidence, "type": "groundtruth/image-classification"}
                line |= {"marsh": chance.randrange(5), "marsh-metadata": {**known, **KNOWN}}
            else:
                box = {"class_id": 0, "left": chance.randrange(900), "top": 96, "width": 140, "height": 302}
                size = [{"width": 1280, "height": 720, "depth": 3}]
                known = {"objects": [{"confidence": confidence}], "class-map": {"0": "heron"}}
                line["marsh"] = {"image_size": size, "annotations": [box]}
                line["marsh-metadata"] = {**known, "type": "groundtruth/object-detection", **KNOWN}
            file.write(json.dumps(line) + "\n")


def ours(source: Path, folder: Path) -> None:
    """Check, filter and divide in one pass."""
    from labeling_provider.manifest import Filter, Manifests, Split

    places = {name: folder / name for name in SHARES}
    Manifests().split(source, Split(SHARES), places, "marsh", keep=Filter(min_confidence=SURE))


def ours_filter(source: Path, folder: Path) -> None:
    """Check and filter."""
    from labeling_provider.manifest import Filter, Manifests

    Manifests().filter(source, "marsh", Filter(min_confidence=SURE), folder / "sure")


def by_json(source: Path, folder: Path) -> None:
    """The loop of the notebooks at its best: it holds one line at a time."""
    sinks = {name: (folder / name).open("w") for name in SHARES}
    classes = {name: Counter[str]() for name in SHARES}
    with source.open() as file:
        for number, text in enumerate(file, 1):
            line = json.loads(text)
            if not line.get("source-ref", "").startswith("s3://"):
                raise ValueError(f"line {number} has no source-ref")
            if sure(line["marsh-metadata"]) >= SURE:
                name = name_of(crc32(line["source-ref"].encode()))
                classes[name].update(classes_of(line["marsh-metadata"]))
                sinks[name].write(json.dumps(line) + "\n")
    for sink in sinks.values():
        sink.close()


def by_json_whole(source: Path, folder: Path) -> None:
    """The same as the notebooks have it: all lines in a list."""
    with source.open() as file:
        lines = [json.loads(text) for text in file]
    if not all(line.get("source-ref", "").startswith("s3://") for line in lines):
        raise ValueError("a line has no source-ref")
    kept = [line for line in lines if sure(line["marsh-metadata"]) >= SURE]
    for name in SHARES:
        chosen = [line for line in kept if name_of(crc32(line["source-ref"].encode())) == name]
        Counter(name for line in chosen for name in classes_of(line["marsh-metadata"]))
        with (folder / name).open("w") as sink:
            for line in chosen:
                sink.write(json.dumps(line) + "\n")


def sure(known: dict[str, Any]) -> float:
    return known["confidence"] if "confidence" in known else min(entry["confidence"] for entry in known["objects"])


def classes_of(known: dict[str, Any]) -> list[str]:
    return [known["class-name"]] if "class-name" in known else list(known["class-map"].values())


def name_of(place: int) -> str:
    share = place / 2**32
    return "train" if share < 0.8 else "validation" if share < 0.9 else "test"


def by_pandas(source: Path, folder: Path) -> None:
    """The same in data frames."""
    import pandas

    sinks = {name: (folder / name).open("w") for name in SHARES}
    for frame in pandas.read_json(source, lines=True, chunksize=50_000):
        if not frame["source-ref"].str.startswith("s3://").all():
            raise ValueError("a line has no source-ref")
        kept = frame[frame["marsh-metadata"].map(sure) >= SURE]
        sets = kept["source-ref"].map(lambda uri: name_of(crc32(uri.encode())))
        for name, sink in sinks.items():
            kept[sets == name].to_json(sink, orient="records", lines=True)
    for sink in sinks.values():
        sink.close()


def by_polars(source: Path, folder: Path) -> None:
    """The filter as a query; polars wants the label itself in one form, so it is read as it is for boxes."""
    import polars

    known = polars.Struct(
        {
            "confidence": polars.Float64,
            "objects": polars.List(polars.Struct({"confidence": polars.Float64})),
            "class-name": polars.String,
            "class-map": polars.Struct({"0": polars.String}),
            "type": polars.String,
            "human-annotated": polars.String,
            "creation-date": polars.String,
            "job-name": polars.String,
        }
    )
    schema = {"source-ref": polars.String, "marsh": polars.String, "marsh-metadata": known}
    metadata = polars.col("marsh-metadata")
    lowest = metadata.struct.field("objects").list.eval(polars.element().struct.field("confidence")).list.min()
    confidence = polars.coalesce(metadata.struct.field("confidence"), lowest)
    polars.scan_ndjson(source, schema=schema).filter(confidence >= SURE).sink_ndjson(folder / "sure")


WAYS: dict[str, Callable[[Path, Path], None]] = {
    "ours": ours,
    "json": by_json,
    "json, whole": by_json_whole,
    "pandas": by_pandas,
    "ours, filter": ours_filter,
    "polars, filter": by_polars,
}
RATIOS = {
    "vs_json": ("json, whole", "ours"),
    "vs_json_one_line_at_a_time": ("json", "ours"),
    "vs_pandas": ("pandas", "ours"),
    "vs_polars_filter": ("polars, filter", "ours, filter"),
}
MODULES = {"json": "json", "json, whole": "json", "pandas": "pandas", "polars, filter": "polars"}


def measure(way: str, source: Path) -> dict[str, float]:
    """Do the work once; seconds without imports, and the peak of memory in MB."""
    __import__(MODULES.get(way, "labeling_provider.manifest"))
    with tempfile.TemporaryDirectory(dir=source.parent) as folder:
        start = time.perf_counter()
        WAYS[way](source, Path(folder))
        seconds = time.perf_counter() - start
        written = sum(path.stat().st_size for path in Path(folder).iterdir())
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"seconds": seconds, "mb": peak, "written_mb": written / 1e6}


def run(way: str, source: Path) -> dict[str, float]:
    """The same in a process of its own."""
    command = [sys.executable, "-m", "benchmarks.manifest", "--way", way, "--source", str(source)]
    done = subprocess.run(command, cwd=ROOT, stdout=subprocess.PIPE, text=True, check=True)
    result: dict[str, float] = json.loads(done.stdout.splitlines()[-1])
    return result


def main() -> None:
    """Measure, print a table and the ratios."""
    options = argparse.ArgumentParser(description=__doc__)
    options.add_argument("--lines", type=int, default=1_000_000, help="lines of the manifest (default %(default)s)")
    options.add_argument("--smallest", action="store_true", help="as little as runs all of it")
    options.add_argument("--way")
    options.add_argument("--source", type=Path)
    chosen = options.parse_args()
    if chosen.way:
        print(json.dumps(measure(chosen.way, chosen.source)))
        return
    rounds, ways = ROUNDS, list(WAYS)
    if chosen.smallest:
        chosen.lines, rounds = 1_000, 1
        ways = [way for way in WAYS if find_spec(MODULES.get(way, "json"))]
        print(f"Not installed: {', '.join(set(WAYS) - set(ways)) or 'nothing'}")
    with tempfile.TemporaryDirectory() as folder:
        source = Path(folder) / "in.manifest"
        generate(source, chosen.lines)
        megabytes = source.stat().st_size / 1e6
        results: dict[str, list[dict[str, float]]] = {way: [] for way in ways}
        for _ in range(rounds):
            for way, done in results.items():
                done.append(run(way, source))
    median = {
        way: {key: statistics.median(figures[key] for figures in done) for key in done[0]}
        for way, done in results.items()
    }
    print(f"{chosen.lines:,} lines, {megabytes:,.0f} MB")
    print(f"{'':16} {'seconds':>9} {'MB/s':>7} {'peak MB':>9} {'wrote MB':>9}")
    for way, figures in median.items():
        speed = megabytes / figures["seconds"]
        print(f"{way:16} {figures['seconds']:9.2f} {speed:7.0f} {figures['mb']:9.0f} {figures['written_mb']:9.0f}")
    mine = median["ours"]
    ratios = {
        name: round(median[way]["seconds"] / median[own]["seconds"], 2)
        for name, (way, own) in RATIOS.items()
        if way in median
    }
    result = {
        "lines": chosen.lines,
        **ratios,
        "peak_mb": round(max(mine["mb"], median["ours, filter"]["mb"]), 1),
    }
    print(json.dumps(result))


if __name__ == "__main__":
    main()
