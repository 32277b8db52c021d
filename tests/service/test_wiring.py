"""The parts of a service belong together; what they do together is in the tests of what people and clients see."""

from __future__ import annotations

import pytest

from labeling_provider.service.engine.mask_helper import NoMask
from tests.service.in_process import InProcess
from tests.service.kinds.some_jobs import make_kind


def test_the_mask_function_stops_with_the_engine(engine: InProcess) -> None:
    engine.engine.stop()
    box = {"left": 3, "top": 4, "width": 10, "height": 5}
    kind, line = make_kind("semantic-segmentation"), {"source-ref": "s3://lab/picture"}
    with pytest.raises(NoMask, match="The service is stopping"):
        engine.labeling.mask_helper.mask(kind, line, "private.a", {"box": box})
