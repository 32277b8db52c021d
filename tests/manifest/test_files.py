"""Files by path or URI, packed or not: whole or not at all."""

from __future__ import annotations

import gzip
import json
import tracemalloc
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from labeling_provider.manifest import Files, ManifestError, Manifests
from tests.manifest.lines import MIXED, TENTHS, image, store
from tests.memory import MemoryStore


def test_packed_manifests_are_read_and_written(manifests: Manifests, tmp_path: Path) -> None:
    lines = [image(number) for number in range(20_000)]
    body = b"".join(json.dumps(line).encode() + b"\n" for line in lines)
    (tmp_path / "in.gz").write_bytes(gzip.compress(body[:1000]) + gzip.compress(body[1000:]))
    manifests.deduplicate(tmp_path / "in.gz", tmp_path / "out.gz")
    assert gzip.decompress((tmp_path / "out.gz").read_bytes()) == body
    assert Counter(manifests.deduplicate(tmp_path / "out.gz", tmp_path / "plain")) == {"kept": 20_000, "left": 0}


@pytest.mark.parametrize("broken", [b"plain", gzip.compress(b'{"source": "a"}\n' * 5000)[:-9]])
def test_what_is_not_packed_as_its_name_says_is_an_error(manifests: Manifests, tmp_path: Path, broken: bytes) -> None:
    (tmp_path / "in.gz").write_bytes(broken)
    with pytest.raises(ManifestError, match="not a complete gzip file"):
        manifests.check(tmp_path / "in.gz")


def test_a_place_that_can_not_be_used_is_an_error(manifests: Manifests, tmp_path: Path) -> None:
    with pytest.raises(ManifestError, match="none: can't be read: No such file"):
        manifests.check(tmp_path / "none")
    source = store(tmp_path / "in", MIXED)
    with pytest.raises(ManifestError, match="can't be written: "):
        manifests.deduplicate(source, source / "out")
    with pytest.raises(ValueError, match="needs a store"):
        manifests.check("s3://lab/in")
    with pytest.raises(ValueError, match="can't be a label attribute"):
        manifests.check(source, label_attribute="source-ref")


BYTES = st.lists(st.binary(max_size=40), max_size=5)


def test_an_address_at_amazon_is_the_object_in_s3() -> None:
    files = Files(MemoryStore())
    files.write_all("s3://b/in.manifest.gz", [b"herons"])
    address = "https://b.s3.us-east-1.amazonaws.com/in.manifest.gz"
    assert b"".join(files.chunks(address)) == b"herons"
    files.write_all(address, [b"storks"])
    assert b"".join(files.chunks("s3://b/in.manifest.gz")) == b"storks"


@pytest.mark.parametrize("name", ["plain", "packed.gz"])
@given(pieces=BYTES)
@TENTHS
def test_what_was_written_is_read_wherever_it_is(tmp_path: Path, name: str, pieces: list[bytes]) -> None:
    files = Files(MemoryStore())
    for where in (tmp_path / name, f"s3://b/{name}"):
        files.write_all(where, pieces)
        assert b"".join(files.chunks(where)) == b"".join(pieces)
        assert b"".join(files.lines(where)) == b"".join(pieces)


@given(BYTES.filter(any), st.integers(1, 7))
@TENTHS
def test_packed_files_may_hang_together_and_come_in_pieces_of_any_size(
    tmp_path: Path, pieces: list[bytes], size: int
) -> None:
    body = b"".join(gzip.compress(piece) for piece in pieces)

    class Pieces(MemoryStore):
        def read_chunks(self, uri: str) -> Iterator[bytes]:
            yield from (body[start : start + size] for start in range(0, len(body), size))

    assert b"".join(Files(Pieces()).chunks("s3://b/a.gz")) == b"".join(pieces)


def test_the_same_bytes_make_the_same_packed_file(tmp_path: Path) -> None:
    """A file that is written again is the same, so that nothing that follows is done again for nothing."""
    for name in "ab":
        Files().write_all(tmp_path / f"{name}.gz", [b"line\n"] * 3)
    assert (tmp_path / "a.gz").read_bytes() == (tmp_path / "b.gz").read_bytes()


def test_a_file_appears_whole_or_not_at_all(tmp_path: Path) -> None:
    (tmp_path / "there").write_bytes(b"before")
    for name in ("there", "new/file.gz"):
        with pytest.raises(ZeroDivisionError), Files().writer(tmp_path / name) as sink:
            sink.write(b"half")
            raise ZeroDivisionError
    assert (tmp_path / "there").read_bytes() == b"before"
    assert [path.name for path in tmp_path.rglob("*") if path.is_file()] == ["there"]


def test_a_file_that_unpacks_to_very_much_is_read_piece_by_piece(tmp_path: Path) -> None:
    (tmp_path / "bomb.gz").write_bytes(gzip.compress(bytes(50_000_000)))
    tracemalloc.start()
    assert sum(map(len, Files().chunks(tmp_path / "bomb.gz"))) == 50_000_000
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert peak < 3_000_000
