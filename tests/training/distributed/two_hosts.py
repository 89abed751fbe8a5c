"""Two hosts on one machine: network namespaces, joined by a cable of their own.

    with two_hosts() as (first, second):
        process = first.start("torchrun", "--node-rank=0", ..., folder=folder)

Each has its own network interfaces, addresses and ports, and, where it is told so, its own
files. What they send stays between them. Needs Linux, iproute2 and the right to make
namespaces; `missing()` says what is not there.
"""

from __future__ import annotations

import os
import shlex
import shutil
import subprocess
import sys
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).parents[3]
INTERFACE = "eth0"


@dataclass(frozen=True)
class Host:
    """A network namespace.

    Attributes:
        name: Of the namespace.
        address: On the cable between the two.
    """

    name: str
    address: str

    def start(
        self,
        *arguments: str | Path,
        folder: Path,
        hidden: Path | None = None,
        environment: Mapping[str, str] | None = None,
    ) -> subprocess.Popen[str]:
        """Starts Python there.

        Args:
            arguments: What comes after `python`.
            folder: The working directory.
            hidden: A folder in whose place this host has an empty one of its own.
            environment: What the process has in its environment besides.
        """
        command = shlex.join([sys.executable, *map(str, arguments)])
        if hidden is not None:
            command = f"mount -t tmpfs none {shlex.quote(str(hidden))} && exec {command}"
        return subprocess.Popen(
            ["ip", "netns", "exec", self.name, "unshare", "--mount", "sh", "-c", command],
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), "ATTN_CACHE": str(folder / "cache"),
                 **(environment or {})},
            stdout=subprocess.PIPE,
            stderr=subprocess.PIPE,
            text=True,
        )  # fmt: skip


@contextmanager
def two_hosts() -> Iterator[tuple[Host, Host]]:
    """Two hosts that reach each other and nothing else; they go when they are left."""
    hosts = tuple(
        Host(f"attn-{os.getpid()}-{number}", f"192.0.2.{number}") for number in (1, 2)
    )  # addresses that are set aside for examples (RFC 5737): nobody has them
    try:
        for host in hosts:
            _ip("netns", "add", host.name)
        ends = [f"attn{os.getpid() % 10**6}{side}" for side in "ab"]
        _ip("link", "add", ends[0], "type", "veth", "peer", "name", ends[1])
        for host, end in zip(hosts, ends, strict=True):
            _ip("link", "set", end, "netns", host.name, "name", INTERFACE)
            _ip("-n", host.name, "addr", "add", f"{host.address}/24", "dev", INTERFACE)
            _ip("-n", host.name, "link", "set", INTERFACE, "up")
            _ip("-n", host.name, "link", "set", "lo", "up")
        yield hosts[0], hosts[1]
    finally:
        for host in hosts:
            subprocess.run(["ip", "netns", "del", host.name], capture_output=True, check=False)


def missing() -> str:
    """Why there can be no two hosts here; empty where there can."""
    if not sys.platform.startswith("linux"):
        return "network namespaces are Linux's"
    if not shutil.which("ip") or not shutil.which("unshare"):
        return "needs ip (iproute2) and unshare (util-linux)"
    try:
        with two_hosts():
            return ""
    except subprocess.CalledProcessError as error:
        return f"network namespaces are not permitted here: {error.stderr.decode().strip()}"


def _ip(*arguments: str) -> None:
    subprocess.run(["ip", *arguments], capture_output=True, check=True)
