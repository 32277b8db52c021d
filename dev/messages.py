"""Messages of a parcel service's customers, for tests and benchmarks: made from a grammar, with noise.

Grammar::

    message := [opening] core [core of another class, 1 in 12] [closing]
    core    := one phrase of the class, its gaps filled from the lists below

Noise: each word is mistyped with a probability of 4 % (a letter dropped, doubled or swapped with the next), and every
100th message is about something of another class than its words say, as nobody can tell.
"""

from __future__ import annotations

from random import Random

CLASSES = ["delay", "damage", "refund", "address", "praise"]

_PHRASES = {
    "delay": [
        "my {thing} was due {day} and has still not come",
        "I have been waiting for the {thing} since {day}",
        "the tracking of my {thing} has said 'on its way' since {day}",
        "you promised the {thing} for {day}, where is it",
        "no {thing} yet, {number} days late",
        "how much longer must I wait for my {thing}",
    ],
    "damage": [
        "the {thing} came with a {damage}",
        "there is a {damage} on the {thing}",
        "when I opened the box the {thing} was {broken}",
        "your driver threw the {thing} and now it is {broken}",
        "the packaging was torn and the {thing} {broken}",
        "half of the {thing} is {broken}",
    ],
    "refund": [
        "I want my {number} euros back for the {thing}",
        "please refund the {thing} to my {account}",
        "you have charged my {account} twice for the {thing}",
        "the {number} euros for the {thing} never reached my {account}",
        "when will the money for the {thing} be paid back",
        "cancel the order of the {thing} and return the payment",
    ],
    "address": [
        "I have moved to {street}, please send the {thing} there",
        "the {thing} went to {street}, which is not where I live",
        "can you bring the {thing} to {street} instead",
        "my house number at {street} is {number}, not what you printed",
        "please leave the {thing} with my neighbour in {street}",
        "change the place of delivery for the {thing} to {street}",
    ],
    "praise": [
        "the {thing} was here a day early, wonderful",
        "thanks to your driver for carrying the {thing} upstairs",
        "I am very happy with how the {thing} was brought",
        "great service, the {thing} could not have been easier",
        "your people in {street} are kind and quick",
        "best delivery of a {thing} that I have had in {number} years",
    ],
}
_GAPS = {
    "thing": [
        "lamp",
        "bookshelf",
        "teapot",
        "bicycle",
        "mirror",
        "keyboard",
        "coat",
        "guitar",
        "grinder",
        "vase",
        "printer",
        "tent",
    ],
    "day": ["monday", "tuesday", "last week", "the third", "yesterday", "easter", "the weekend", "a fortnight ago"],
    "number": [str(number) for number in range(2, 60)],
    "damage": ["crack", "dent", "long scratch", "hole", "wet stain", "missing leg"],
    "broken": ["broken", "in pieces", "bent", "soaked", "shattered", "crushed"],
    "account": ["card", "bank account", "paypal account"],
    "street": ["mill lane", "station road", "harbour street", "castle hill", "rose avenue", "north square"],
}
_OPENINGS = ["hello,", "good morning,", "to whom it may concern,", "hi there,", "third time I write:", ""]
_CLOSINGS = ["please answer.", "regards, a customer", "thank you", "I expect a reply by tomorrow.", "", ""]


def messages(count: int, seed: int) -> list[tuple[str, str]]:
    """Messages with their class; the same seed gives the same ones."""
    chance = Random(seed)
    return [_message(chance) for _ in range(count)]


def _message(chance: Random) -> tuple[str, str]:
    meant = chance.choice(CLASSES)
    topic = chance.choice(CLASSES) if chance.random() < 1 / 100 else meant
    parts = [chance.choice(_OPENINGS), _core(topic, chance)]
    if chance.random() < 1 / 12:
        parts.append(f"and {_core(chance.choice(CLASSES), chance)}")
    words = " ".join([*parts, chance.choice(_CLOSINGS)]).split()
    return " ".join(_typed(word, chance) for word in words), meant


def _core(name: str, chance: Random) -> str:
    filled = {gap: chance.choice(choices) for gap, choices in _GAPS.items()}
    return chance.choice(_PHRASES[name]).format(**filled)


def _typed(word: str, chance: Random) -> str:
    if len(word) < 3 or chance.random() >= 0.04:
        return word
    at = chance.randrange(len(word) - 1)
    return word[:at] + chance.choice(["", word[at] * 2, word[at + 1] + word[at]]) + word[at + 1 :]
