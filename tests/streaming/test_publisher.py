"""Publication, entry by entry."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs

import pytest

from labeling_provider.errors import LabelingError
from labeling_provider.hooks.labeling import LabelingHook
from labeling_provider.streaming.messages import Message, message_of
from labeling_provider.streaming.publisher import Publisher, Refused
from tests.conftest import Lab
from tests.flaky import connection

TOPIC = "arn:aws:sns:us-east-1:123456789012:groundtruth-fussy"


class FussyTopic:
    """An SNS that takes each message at its second time, refuses some for good, and forgets to speak of others.

    :ivar taken: the messages that it has taken.
    """

    def __init__(self) -> None:
        self.taken: list[str] = []
        seen: set[str] = set()
        outer = self

        class Handler(BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self) -> None:
                form = parse_qs(self.rfile.read(int(self.headers["Content-Length"])).decode())
                entries = {"Successful": "", "Failed": ""}
                for number in range(1, 11):
                    name = f"PublishBatchRequestEntries.member.{number}"
                    if f"{name}.Id" not in form:
                        break
                    (key,), (text,) = form[f"{name}.Id"], form[f"{name}.Message"]
                    if text in seen:
                        outer.taken.append(text)
                        entries["Successful"] += f"<member><Id>{key}</Id><MessageId>1</MessageId></member>"
                    elif "bad" in text:
                        entries["Failed"] += failed(key, "InvalidParameter", "true")
                    elif "silent" not in text:
                        entries["Failed"] += failed(key, "InternalError", "false")
                    seen.add(text)
                lists = "".join(f"<{name}>{content}</{name}>" for name, content in entries.items())
                body = f"<PublishBatchResponse><PublishBatchResult>{lists}</PublishBatchResult></PublishBatchResponse>"
                self.send_response_only(200)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                self.wfile.write(body.encode())

            def log_message(self, *arguments: object) -> None:
                pass

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)


def failed(key: str, code: str, sender: str) -> str:
    return f"<member><Id>{key}</Id><Code>{code}</Code><Message>no</Message><SenderFault>{sender}</SenderFault></member>"


@pytest.fixture
def fussy(monkeypatch: pytest.MonkeyPatch) -> Iterator[FussyTopic]:
    topic = FussyTopic()
    thread = threading.Thread(target=topic.server.serve_forever)
    thread.start()
    monkeypatch.setenv("AIRFLOW_CONN_AWS_DEFAULT", connection(f"http://127.0.0.1:{topic.server.server_port}"))
    yield topic
    topic.server.shutdown()
    topic.server.server_close()
    thread.join()


def test_each_entry_is_sent_until_it_is_taken_or_refused(fussy: FussyTopic) -> None:
    wanted = [
        message_of({"source": f"{kind} {number}"}, f"{kind}-{number}")
        for kind in ("ok", "silent")
        for number in range(8)
    ]
    bad = [message_of({"source": "bad"}, "bad"), Message("", 262_145, "large")]
    publisher = Publisher(LabelingHook().ground_truth, TOPIC, in_flight=2)
    try:
        refused = publisher.publish([*bad, *wanted])
    finally:
        publisher.close()
    assert sorted(fussy.taken) == sorted(message.text for message in wanted)
    assert sorted(refused) == [
        Refused("bad", "InvalidParameter: no"),
        Refused(
            "large", "its message has 262,145 bytes, but SNS accepts at most 262,144; shorten it or store it in S3"
        ),
    ]


def test_a_topic_that_is_not_there_is_an_error(connected: Lab) -> None:
    publisher = Publisher(LabelingHook().ground_truth, TOPIC, in_flight=2)
    with pytest.raises(LabelingError, match=f"Publishing to {TOPIC}"):
        publisher.publish([message_of({"source": "text"}, "id")])
    publisher.close()
