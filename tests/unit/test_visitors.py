"""By what the tries of strangers are counted."""

import pytest

from vidcompute.services.visitors import Visitor


@pytest.mark.parametrize(
    ("address", "network"),
    [
        ("198.51.100.4", "198.51.100.4"),
        ("2001:db8:1:2:3:4:5:6", "2001:db8:1:2::/64"),
        ("2001:db8:1:2::", "2001:db8:1:2::/64"),
        ("2001:db8:1:3::1", "2001:db8:1:3::/64"),
        ("::ffff:198.51.100.4", "198.51.100.4"),
        ("fe80::1%eth0", "fe80::/64"),
        ("testclient", "testclient"),
        ("", ""),
    ],
)
def test_of_ipv6_the_network_of_a_line_is_counted(address: str, network: str) -> None:
    assert Visitor(address).network == network
