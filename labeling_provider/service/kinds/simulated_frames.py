"""What simulated workers do with labels in frames: they correct them, and may lose or misplace an object."""

from __future__ import annotations

import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from random import Random
from typing import Any, Final, NamedTuple

from labeling_provider.groundtruth.facts import Quota
from labeling_provider.manifest.sequences import LabeledFrame, Shape
from labeling_provider.request.sequence_categories import Attribute, SequenceCategories
from labeling_provider.service.kinds.frame_answers import AnsweredFrames, is_object_name, with_names
from labeling_provider.service.kinds.linked_pictures import is_picture

_EMPTY: Final = Shape("", {}, "", "", {})


class SimulatedFrames(NamedTuple):
    """What simulated workers do with the frames of a kind of task.

    :param categories: what workers can choose from.
    :param tracks: whether objects have ids across frames.
    :param has_names: whether objects have names without having ids.
    :param about_right: least likeness to the right shape at which a shape is left alone, 0 to 1.
    :param likeness: returns how alike two shapes are, 0 to 1.
    :param pairs: returns pairs of shapes that can be the same object, most alike first: likeness and indexes.
    :param moved: returns a shape displaced by a share of its size.
    """

    categories: SequenceCategories
    tracks: bool
    has_names: bool
    about_right: float
    likeness: Callable[[Shape, Shape], float]
    pairs: Callable[[Sequence[Shape], Sequence[Shape]], list[tuple[float, int, int]]]
    moved: Callable[[Shape, float], Shape]

    def valid(self, frame: LabeledFrame) -> LabeledFrame:
        """A frame with only those names and attribute values that answers can have."""
        rules = self.categories
        shapes = tuple(
            shape._replace(
                attributes=valid(shape.attributes, rules.label_attributes[shape.label], Quota.CATEGORY_TEXT),
                object_name=self._name(shape),
            )
            for shape in frame.shapes
        )
        attributes = valid(frame.attributes, rules.frame_attributes, Quota.FRAME_TEXT)
        return frame._replace(attributes=attributes, shapes=with_names(shapes, self.has_names))

    def filled(self, answer: AnsweredFrames, rng: Random) -> AnsweredFrames:
        """An answer with values for the required attributes that it does not have."""
        rules = self.categories
        return tuple(
            frame._replace(
                attributes={} if is_picture(frame) else filled(frame.attributes, rules.frame_attributes, rng),
                shapes=tuple(
                    shape._replace(attributes=filled(shape.attributes, rules.label_attributes[shape.label], rng))
                    for shape in frame.shapes
                ),
            )
            for frame in answer
        )

    def careless(self, answer: AnsweredFrames, rng: Random) -> AnsweredFrames:
        """The answer of somebody who loses or misplaces an object in a part of the sequence."""
        drawn = [place for place, frame in enumerate(answer) if frame.shapes]
        if not drawn:
            return answer
        first = rng.choice(drawn)
        lost = rng.choice(answer[first].shapes)
        aside, vanishes = rng.choice((-0.6, 0.6)), rng.random() < 0.3
        frames = list(answer)
        for place in range(first, len(frames)):
            shapes = [
                shape if not _is_object(shape, lost) else self.moved(shape, aside)
                for shape in frames[place].shapes
                if not (vanishes and _is_object(shape, lost))
            ]
            frames[place] = frames[place]._replace(shapes=tuple(shapes))
            if not self.tracks:
                break
        return tuple(frames)

    def corrected(self, former: AnsweredFrames, right: AnsweredFrames, rng: Random) -> AnsweredFrames:
        """The former labels as somebody corrects them: what is about right or locked stays as it is."""
        locked, pairs = self.categories.locked, list(together(former, right))
        names = self._names(former, right, pairs) if self.tracks else {}
        frames = []
        for before, true in pairs:
            kept = [shape for shape in before.shapes if shape.label in locked]
            drawn = (self._kept(shape, before, names) for shape in true.shapes if shape.label not in locked)
            attributes = unlocked(before.attributes, true.attributes, self.categories.frame_attributes)
            shapes = self._renamed(kept, drawn)
            frames.append(true._replace(shapes=shapes, attributes=attributes))
        return self.filled(tuple(frames), rng)

    def _name(self, shape: Shape) -> str:
        """A name in the form that answers have; empty if it has none."""
        if is_object_name(shape.object_name, shape.label) or not self.tracks:
            return shape.object_name if is_object_name(shape.object_name, shape.label) else ""
        number = uuid.uuid5(uuid.NAMESPACE_OID, shape.object_id).int % 1_000_000 + 1
        return f"{shape.label}:{number}"

    def _renamed(self, kept: Iterable[Shape], drawn: Iterable[Shape]) -> tuple[Shape, ...]:
        """All shapes of a frame, without repeated names where names belong to one frame."""
        shapes = [*kept, *drawn]
        if not self.has_names:
            return tuple(shapes)
        taken = set[str]()
        for place, shape in enumerate(shapes):
            shapes[place] = shape._replace(object_name="" if shape.object_name in taken else shape.object_name)
            taken.add(shape.object_name)
        return with_names(shapes, has_names=True)

    def _names(
        self, former: AnsweredFrames, right: AnsweredFrames, pairs: Iterable[tuple[LabeledFrame, LabeledFrame]]
    ) -> dict[str, tuple[str, str]]:
        """Id and name for each object of the truth, by its id there: the former ones, or else its own.

        Its own are lengthened where the former labels have them for another object.
        """
        named = {own: (shape.object_id, shape.object_name) for own, shape in self._objects(pairs).items()}
        before = [shape for frame in former for shape in frame.shapes]
        ids, names = {shape.object_id for shape in before}, {shape.object_name for shape in before}
        for shape in (shape for frame in right for shape in frame.shapes if shape.object_id not in named):
            object_id, name = shape.object_id, shape.object_name
            while object_id in ids:
                object_id += "1"
            while name in names:
                name += "1"
            ids.add(object_id)
            names.add(name)
            named[shape.object_id] = object_id, name
        return named

    def _objects(self, pairs: Iterable[tuple[LabeledFrame, LabeledFrame]]) -> dict[str, Shape]:
        """For each object of the truth, by its id, the object of the former labels that matches it most often."""
        votes = dict[tuple[str, str], tuple[int, Shape]]()
        for before, true in pairs:
            for _, own, other in self.pairs(true.shapes, before.shapes):
                key = (true.shapes[own].object_id, before.shapes[other].object_id)
                votes[key] = (votes.get(key, (0, _EMPTY))[0] + 1, before.shapes[other])
        objects, taken = dict[str, Shape](), set[str]()
        for (true_id, own_id), (_, shape) in sorted(votes.items(), key=lambda vote: (-vote[1][0], vote[0])):
            if true_id not in objects and own_id not in taken:
                objects[true_id] = shape
                taken.add(own_id)
        return objects

    def _kept(self, shape: Shape, before: LabeledFrame, names: Mapping[str, tuple[str, str]]) -> Shape:
        """A shape of the truth, or the former one if that is about right, under the names of its object."""
        object_id, name = names.get(shape.object_id, (shape.object_id, shape.object_name))
        named = shape._replace(object_id=object_id, object_name=name)
        rivals = [rival for rival in before.shapes if rival.label == shape.label and rival.object_id == named.object_id]
        alike = {place: self.likeness(rival, shape) for place, rival in enumerate(rivals)}
        nearest = max(alike, key=lambda place: alike[place], default=None)
        if nearest is not None and alike[nearest] >= self.about_right:
            near, rules = rivals[nearest], self.categories.label_attributes[shape.label]
            return near._replace(attributes=unlocked(near.attributes, named.attributes, rules))
        return named


def together(
    first: Iterable[LabeledFrame], second: Iterable[LabeledFrame]
) -> Iterator[tuple[LabeledFrame, LabeledFrame]]:
    """Each frame of the second with the frame of the first that has the same name, or an empty one."""
    known = {frame.name: frame for frame in first}
    for frame in second:
        yield known.get(frame.name) or LabeledFrame(frame.number, frame.name, {}, ()), frame


def unlocked(before: dict[str, Any], true: dict[str, Any], rules: Mapping[str, Attribute]) -> dict[str, Any]:
    """The former attributes, with the true values where these are known and workers may change them."""
    locked = {name for name, rule in rules.items() if rule.is_locked}
    return {**before, **{name: value for name, value in true.items() if name not in locked}}


def valid(given: dict[str, Any], rules: Mapping[str, Attribute], longest: int) -> dict[str, Any]:
    """The values that attributes can have."""
    return {name: value for name, value in given.items() if name in rules and not rules[name].problem(value, longest)}


def filled(given: dict[str, Any], rules: Mapping[str, Attribute], rng: Random) -> dict[str, Any]:
    """Attributes with values for those that are required and not known."""
    values = dict(given)
    for name, rule in rules.items():
        if rule.is_required and values.get(name, "") == "":
            low = 0 if rule.min_value is None else rule.min_value
            values[name] = low if rule.is_number else rng.choice(rule.choices or ("unknown",))
    return values


def _is_object(shape: Shape, other: Shape) -> bool:
    return shape.object_id == other.object_id if shape.object_id else shape is other
