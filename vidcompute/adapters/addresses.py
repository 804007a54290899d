"""Which network addresses may be connected to for a user: the public internet, and nothing that leads inside."""

import contextlib
import ipaddress
import socket
from collections.abc import Callable
from ipaddress import IPv4Address, IPv6Address

from vidcompute.errors import Kind, VidComputeError, refused

Resolve = Callable[[str, int], list[str]]
"""All addresses of a host name, as texts, in order of preference."""

# Beyond what `ipaddress` calls not global. The reasons stand beside them.
_REFUSED_V4 = tuple(
    ipaddress.IPv4Network(text)
    for text in (
        "0.0.0.0/8",  # "this network": reaches the machine itself
        "100.64.0.0/10",  # carrier-grade NAT, and some clouds' metadata
        "168.63.129.16/32",  # Azure's wire server: public in form, the host's in fact
        "192.0.0.0/24",  # protocol assignments, and Oracle's metadata
        "192.88.99.0/24",  # 6to4 relays
        "224.0.0.0/3",  # multicast, reserved, broadcast
    )
)
_GLOBAL_V6 = ipaddress.IPv6Network("2000::/3")  # all that IANA has given to the public internet
_REFUSED_V6 = tuple(
    ipaddress.IPv6Network(text)
    for text in (
        "2001::/23",  # protocol assignments, Teredo among them
        "2001:db8::/32",  # documentation
        "2002::/16",  # 6to4: carries an IPv4 address
        "3fff::/20",  # documentation
    )
)
_NAT64 = ipaddress.IPv6Network("64:ff9b::/96")  # RFC 6052: how a network without IPv4 reaches public IPv4


def is_public(address: str) -> bool:
    """Whether this address (an IPv4 or IPv6 text; a zone is ignored) lies in the public internet."""
    parsed = ipaddress.ip_address(address.partition("%")[0])
    return _public_v4(parsed) if isinstance(parsed, IPv4Address) else _public_v6(parsed)


def _public_v4(address: IPv4Address) -> bool:
    return address.is_global and not any(address in network for network in _REFUSED_V4)


def _public_v6(address: IPv6Address) -> bool:
    if address in _NAT64:
        return _public_v4(IPv4Address(int(address) & 0xFFFFFFFF))
    if address not in _GLOBAL_V6 or any(address in network for network in _REFUSED_V6):
        return False  # IPv4-mapped, -compatible and -translated, ULA, link-local, site-local, loopback, multicast, …
    if int(address) >> 32 & 0xFDFFFFFF == 0x5EFE:  # ISATAP (RFC 5214): an interface that carries an IPv4 address
        return _public_v4(IPv4Address(int(address) & 0xFFFFFFFF))
    return address.is_global


def resolve_host(host: str, port: int) -> list[str]:
    """All addresses of a host, by the system's resolver; `0x7f.1` and `2130706433` are addresses too, not names.

    Raises `url_host_unknown` for a name that does not exist, `url_unreachable` where the resolver does not answer.
    """
    with contextlib.suppress(OSError, UnicodeError):
        return [socket.inet_ntoa(socket.inet_aton(host))]
    try:
        found = socket.getaddrinfo(host, port, type=socket.SOCK_STREAM, proto=socket.IPPROTO_TCP)
    except socket.gaierror as error:
        if error.errno in {socket.EAI_NONAME, getattr(socket, "EAI_NODATA", socket.EAI_NONAME)}:
            raise refused("url_host_unknown", f"There is no host named {host[:100]!r}.") from error
        raise VidComputeError(
            Kind.UNAVAILABLE, "url_unreachable", f"The address of {host[:100]!r} can't be found now."
        ) from error
    except (UnicodeError, OSError) as error:
        raise refused("url_invalid", f"{host[:100]!r} can't be the name of a host.") from error
    return list(dict.fromkeys(str(address[4][0]) for address in found))


def vetted_addresses(host: str, port: int, *, resolve: Resolve, allow_private: bool) -> list[str]:
    """The addresses of `host`, resolved once, for connecting to as they are.

    Raises `url_address_refused` when one of them, not only all, is not public: a name that points both ways is a trick.
    """
    addresses = resolve(host, port)
    if not addresses:
        raise refused("url_host_unknown", f"There is no host named {host[:100]!r}.")
    if not allow_private and not all(is_public(address) for address in addresses):
        raise refused(
            "url_address_refused",
            f"{host[:100]!r} is at a private, local or reserved address (see the setting allow_private_addresses).",
        )
    return addresses
