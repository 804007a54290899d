"""Where requests come from, as the domains are told that strangers ask."""

from dataclasses import dataclass



@dataclass(frozen=True)
class Visitor:
    """Who asks: the address, what the program calls itself, our name of the request, and the host of the page that it
    comes from; "" for what isn't told.
    """

    address: str = ""
    agent: str = ""
    request_id: str = ""
    site: str = ""
