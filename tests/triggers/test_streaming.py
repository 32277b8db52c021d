"""New objects are pushed for as long as it is wanted, and what was pushed is remembered."""

from __future__ import annotations

import asyncio
import json
from typing import Any

import pytest

from labeling_provider.triggers.streaming import PushNewObjectsTrigger
from tests.conftest import Lab
from tests.service.engine.test_stream import stopped
from tests.streaming.yards import Yard


class Store:
    """The state store of a watched asset, as Airflow gives it to a trigger from 3.3 on."""

    def __init__(self) -> None:
        self.kept: dict[str, Any] = {}

    def get(self, key: str) -> Any:
        return json.loads(self.kept[key]) if key in self.kept else None

    def set(self, key: str, value: Any) -> None:
        self.kept[key] = json.dumps(value)


def test_a_watcher_waits_for_a_job_goes_on_for_ever_and_remembers_with_its_asset(connected: Lab) -> None:
    yard = Yard(connected)
    stopped(connected, yard.job)
    yard.put("1.png", "2.png")
    store = Store()

    def watcher() -> PushNewObjectsTrigger:
        made = PushNewObjectsTrigger(input_topic_arn=yard.topic.arn, prefix_uri=yard.prefix, poll_interval=0.1)
        path, arguments = made.serialize()
        assert path.endswith("triggers.streaming.PushNewObjectsTrigger")
        made = PushNewObjectsTrigger(**json.loads(json.dumps(arguments)))
        made.asset_state_store = store  # type: ignore[assignment]
        return made

    async def scenario() -> list[dict[str, Any]]:
        events = watcher().run()
        first = asyncio.ensure_future(anext(events))
        done, _ = await asyncio.wait([first], timeout=1)
        assert not done
        yard.job = await asyncio.to_thread(yard.stream)
        seen = [dict((await asyncio.wait_for(first, 30)).payload)]
        await asyncio.to_thread(yard.put, "3.png")
        seen.append(dict((await asyncio.wait_for(anext(events), 30)).payload))
        await events.aclose()  # type: ignore[attr-defined]
        return seen

    assert [event["published"] for event in asyncio.run(scenario())] == [2, 1]
    (kept,) = store.kept.values()
    assert json.loads(kept)["threshold"] > 0
    lines = yard.arrived(3)
    assert [line["source-ref"] for line in lines] == [f"{yard.prefix}{number}.png" for number in (1, 2, 3)]


def trigger(**arguments: Any) -> PushNewObjectsTrigger:
    return PushNewObjectsTrigger(input_topic_arn="arn:topic", **arguments)


@pytest.mark.parametrize("sources", [{}, {"prefix_uri": "s3://b/p", "queue_url": "https://queue"}])
def test_one_source_is_given(sources: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="Set exactly one of prefix_uri, queue_url, manifest_uri"):
        trigger(**sources)


def test_a_position_is_of_one_source_and_topic_and_of_what_is_asked_of_them() -> None:
    others = [
        {"prefix_uri": "s3://b/p"},
        {"prefix_uri": "s3://b/q"},
        {"manifest_uri": "s3://b/p"},
        {"prefix_uri": "s3://b/p", "suffixes": [".png"]},
        {"prefix_uri": "s3://b/p", "text": True},
        {"prefix_uri": "s3://b/p", "relabel_changed": True},
    ]
    keys = [trigger(**arguments).position_key for arguments in others]
    assert len(set(keys)) == len(keys)
    assert trigger(prefix_uri="s3://b/p", max_backlog=7, suffixes=()).position_key == keys[0]


def test_a_watcher_sits_trouble_out_and_others_end_with_it(connected: Lab) -> None:
    """The topic is there, the manifest is not."""
    yard = Yard(connected)
    gone = {"input_topic_arn": yard.topic.arn, "manifest_uri": "s3://lab/gone.manifest", "poll_interval": 0.05}

    async def scenario() -> dict[str, Any]:
        forever = PushNewObjectsTrigger(**gone, position_uri="s3://lab/gone.json").run()
        waiting = asyncio.ensure_future(anext(forever))
        done, _ = await asyncio.wait([waiting], timeout=0.5)
        assert not done
        waiting.cancel()
        once = PushNewObjectsTrigger(**gone, position_uri="s3://lab/gone.json", forever=False)
        return dict((await anext(once.run())).payload)

    assert "s3://lab/gone.manifest can't be read" in asyncio.run(scenario())["error"]
    stopped(connected, yard.job)
