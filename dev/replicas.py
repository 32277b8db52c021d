"""A team's service of several processes behind a balancer, on one PostgreSQL and a real S3: to test and to measure."""

from __future__ import annotations

import json
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from dev.balancer import Balancer
from dev.postgresql import PostgreSQL
from dev.seaweedfs import KEYS, SeaweedFS
from dev.stack import Service, free_port
from labeling_provider.service.database.upkeep import upgrade


class Balanced:
    """A service behind its balancer, with the S3 beside it.

    :param ready: what one of its processes said when it was ready.
    """

    def __init__(self, balancer: Balancer, s3: SeaweedFS, ready: dict[str, Any]) -> None:
        self._balancer, self._s3, self.ready = balancer, s3, ready

    @property
    def endpoint_url(self) -> str:
        """Where the balancer listens."""
        return self._balancer.endpoint_url

    def client(self, name: str, **arguments: Any) -> Any:
        """A boto3 client, which tries each request again as boto3 does."""
        if name == "s3":
            return self._s3.client(name, **arguments)
        import boto3
        from botocore.config import Config

        config = Config(retries={"mode": "standard", "total_max_attempts": 8})
        keys = {"aws_access_key_id": "local", "aws_secret_access_key": "local", "region_name": self.ready["region"]}
        return boto3.client(name, endpoint_url=self.endpoint_url, config=config, **keys)


class Replicas(Balanced):
    """So many ``labeling serve`` and as many ``labeling work``, on a database of their own.

    :param folder: for their logs and the workforce file.
    :param teams: how teams of simulated workers work, as the workforce file has it, by their names.
    :param options: further options of each process.
    :ivar serving: the processes that answer.
    :ivar working: those that do jobs.
    """

    def __init__(
        self,
        folder: Path,
        server: PostgreSQL,
        s3: SeaweedFS,
        count: int,
        teams: dict[str, dict[str, Any]],
        options: Iterable[str] = (),
    ) -> None:
        folder.mkdir(parents=True)
        self.url = server.create(folder.name)
        upgrade(self.url)
        workforce = folder / "workforce.json"
        workforce.write_text(json.dumps({"workteams": teams}))
        where = ["--database-url", self.url, "--s3-endpoint", s3.endpoint_url, "--workforce", str(workforce), *options]
        self.serving: list[Service] = []
        self.working: list[Service] = []
        self._folder, self._where = folder, where
        balancer = None
        try:
            for _ in range(count):
                self.serving.append(self._start("serve"))
            balancer = Balancer([int(replica.endpoint_url.rpartition(":")[2]) for replica in self.serving])
            super().__init__(balancer, s3, self.serving[0].ready)
            for _ in range(count):
                self._add_worker()
        except BaseException:
            self._end(balancer)
            raise

    @property
    def processes(self) -> list[Service]:
        """All of them."""
        return [*self.serving, *self.working]

    def stop(self) -> None:
        """End them."""
        self._end(self._balancer)

    def _end(self, balancer: Balancer | None) -> None:
        for process in self.processes:
            process.stop()
        if balancer is not None:
            balancer.stop()

    def _add_worker(self) -> None:
        # A job's own code finds the API here.
        self.working.append(self._start("work", AWS_ENDPOINT_URL=self.endpoint_url))

    def _start(self, part: str, **env: str) -> Service:
        number = len(self.processes)
        # Each keeps its port when it is started again.
        options = [*self._where, "--port", str(free_port())]
        return Service(self._folder / f"{part}-{number}", *options, env={**KEYS, **env}, part=part)
