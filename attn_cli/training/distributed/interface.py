"""Which network interface leads to the other hosts."""

from __future__ import annotations

import socket
import struct

_GET_ADDRESS = 0x8915  # SIOCGIFADDR of <linux/sockios.h>


def interface_towards(address: str) -> str | None:
    """The name of the interface by which a host is reached; None where that is not known.

    gloo takes the interface of the address that this host's own name stands for, and on
    many systems that is one which only the host itself can reach.

    Args:
        address: `host:port`, of this host or another one.
    """
    host, _, port = address.rpartition(":")
    try:
        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
            probe.connect((host, int(port)))  # sends nothing, and finds the way
            own = probe.getsockname()[0]
        for _, name in socket.if_nameindex():
            if _address_of(name) == own:
                return name
    except (OSError, ValueError):
        pass
    return None


def _address_of(interface: str) -> str | None:
    """The IPv4 address of an interface, where this system has a way to ask for it."""
    try:
        import fcntl

        with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
            name = struct.pack("256s", interface.encode()[:15])
            answer = fcntl.ioctl(any_socket.fileno(), _GET_ADDRESS, name)
    except (ImportError, OSError):  # not Linux, or an interface without an address
        return None
    return socket.inet_ntoa(answer[20:24])
