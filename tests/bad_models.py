"""Models of a user's own, above all ones that do what they should not; each runs in a process of its own."""

from __future__ import annotations

import os
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from labeling_provider.service.learning.models import Model, Prediction
from tests.bad_functions import PIDS, finds_s3_away


class LastWord(Model):
    """Texts that end with the same word are of the same class; it says which process it is in."""

    def read(self, data: bytes | str) -> str:
        Path(os.environ[PIDS]).joinpath(str(os.getpid())).touch()
        return str(data).split()[-1]

    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        self.known = dict(zip(inputs, answers, strict=True))

    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        return [Prediction(self.known.get(text, 0), float(text in self.known)) for text in inputs]

    def save(self) -> bytes:
        return repr(self.known).encode()

    def load(self, saved: bytes, labels: Sequence[str]) -> None: ...


class HangsInTraining(LastWord):
    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        while True:
            time.sleep(60)


class HangsInPrediction(LastWord):
    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        while True:
            time.sleep(60)


class SpinsInReading(LastWord):
    def read(self, data: bytes | str) -> str:
        super().read(data)
        while True:
            pass


class Leaves(LastWord):
    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        os._exit(3)


class Answers(LastWord):
    """Answers with what is none."""

    def predict(self, inputs: Sequence[Any]) -> list[Prediction]:
        return [Prediction(self, 1.0) for _ in inputs]


class ReadsS3(LastWord):
    """Reads S3 itself: each picture, and what it needs for training. S3 is away while a file says so."""

    def read(self, data: bytes | str) -> str:
        try:
            if isinstance(data, bytes):
                finds_s3_away({"where": data.decode()}, None)
        except Exception as error:
            raise ValueError("no such picture") from error
        return super().read(data)

    def train(self, inputs: Sequence[Any], answers: Sequence[Any]) -> None:
        if away().exists():
            finds_s3_away({}, None)
        super().train(inputs, answers)


def away() -> Path:
    """The file that is there while S3 is away."""
    return Path(os.environ[PIDS]).with_name("away")
