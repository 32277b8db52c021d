"""moto's applications in the service's process."""

from __future__ import annotations

import gc

from tests.service.inside import Inside


def test_a_body_is_gone_with_its_request(inside: Inside) -> None:
    s3 = inside.client("s3")
    s3.create_bucket(Bucket="bodies")
    for size in (10_000, 200_001):
        s3.put_object(Bucket="bodies", Key="a", Body=b"x" * size)
        gc.collect()
        gc.disable()
        try:
            for _ in range(5):
                s3.put_object(Bucket="bodies", Key="a", Body=b"y" * size)
            gc.set_debug(gc.DEBUG_SAVEALL)
            gc.collect()
            kept = {
                id(held): held for leaked in gc.garbage for held in gc.get_referents(leaked) if isinstance(held, bytes)
            }
        finally:
            gc.set_debug(0)
            gc.garbage.clear()
            gc.enable()
        assert [len(held) for held in kept.values() if len(held) >= size] == []
