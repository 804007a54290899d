"""Where requests come from, as the domains are told that strangers ask."""

from dataclasses import dataclass
from ipaddress import IPv6Address, ip_address, ip_network

_SUBSCRIBER = 64  # bits of an IPv6 address that a line has; it chooses the others as it likes


@dataclass(frozen=True)
class Visitor:
    """Who asks: the address, what the program calls itself, our name of the request, and the host of the page that it
    comes from; "" for what isn't told.
    """

    address: str = ""
    agent: str = ""
    request_id: str = ""
    site: str = ""

    @property
    def network(self) -> str:
        """What tries are counted by: the IPv4 address, or the /64 network of IPv6, of which one visitor has all."""
        try:
            address = ip_address(self.address)
        except ValueError:
            return self.address
        if not isinstance(address, IPv6Address):
            return str(address)
        if address.ipv4_mapped is not None:
            return str(address.ipv4_mapped)
        return str(ip_network((int(address), _SUBSCRIBER), strict=False))
