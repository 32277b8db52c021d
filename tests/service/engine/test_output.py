"""A job's output files are handed over together: with a real S3 each by itself would cost a round trip."""

from __future__ import annotations

import json
from pathlib import Path

from tests.service.in_process import InProcess


def test_output_files_are_handed_over_in_batches(tmp_path: Path) -> None:
    service = InProcess(tmp_path)
    batches: list[dict[str, tuple[bytes, str]]] = []
    write = service.storage.write

    def noted(files: dict[str, tuple[bytes, str]]) -> None:
        batches.append(files)
        write(files)

    service.storage.write = noted  # type: ignore[method-assign]
    try:
        lines = [{"source": f"text {number}", "truth": "cat"} for number in range(200)]
        description, output = service.run("".join(json.dumps(line) + "\n" for line in lines).encode())
    finally:
        service.close()
    assert description["LabelingJobStatus"] == "Completed"
    assert len(output) == 200
    assert sum(map(len, batches)) >= 200
    assert len(batches) <= 40
    # What names the others is there only when they are.
    assert [uri for uri in batches[-1] if uri.endswith("/manifests/output/output.manifest")]
