"""The vetting of addresses: every spelling of an inside address is refused before a connection is made."""

import ipaddress

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vidcompute.adapters.addresses import is_public, resolve_host, vetted_addresses
from vidcompute.errors import VidComputeError

INSIDE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "0.1.2.3",
    "10.0.0.1",
    "172.16.0.1",
    "172.31.255.255",
    "192.168.1.1",
    "169.254.169.254",
    "100.64.0.1",
    "100.100.100.200",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "198.51.100.7",
    "203.0.113.9",
    "192.88.99.1",
    "224.0.0.1",
    "239.255.255.250",
    "240.0.0.1",
    "255.255.255.255",
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fec0::1",
    "fc00::1",
    "fd00:ec2::254",
    "ff02::1",
    "::ffff:127.0.0.1",
    "::ffff:8.8.8.8",
    "::ffff:a9fe:a9fe",
    "::127.0.0.1",
    "::8.8.8.8",
    "::ffff:0:10.0.0.1",
    "2002:7f00:1::",
    "2002:808:808::1",
    "64:ff9b::127.0.0.1",
    "64:ff9b::a9fe:a9fe",
    "64:ff9b:1::8.8.8.8",
    "2001:0:4136:e378:8000:63bf:3fff:fdd2",
    "2001:db8::1",
    "2001:2::1",
    "2001:10::1",
    "3fff::1",
    "100::1",
    "5f00::1",
    "2a00:1450::5efe:127.0.0.1",
    "2a00:1450::200:5efe:10.0.0.1",
]
SPELLINGS = [
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "127.1",
    "0",
    "localhost",
    "::1",
    "017700000001",
    "127.0.1",
]
OUTSIDE = [
    "8.8.8.8",
    "1.1.1.1",
    "93.184.216.34",
    "2606:4700:4700::1111",
    "2a00:1450:4001:81b::200e",
    "64:ff9b::8.8.8.8",
]


@pytest.mark.parametrize("address", INSIDE)
def test_an_inside_address_is_refused(address: str) -> None:
    assert not is_public(address)
    with pytest.raises(VidComputeError) as told:
        vetted_addresses("evil.test", 80, resolve=lambda _h, _p: [address], allow_private=False)
    assert told.value.code == "url_address_refused"
    assert not told.value.kind.retryable


@pytest.mark.parametrize("address", OUTSIDE)
def test_the_public_internet_is_reachable(address: str) -> None:
    assert vetted_addresses("good.test", 80, resolve=lambda _h, _p: [address], allow_private=False) == [address]


@pytest.mark.parametrize("spelling", SPELLINGS)
def test_a_spelling_of_loopback_is_refused_after_resolving(spelling: str) -> None:
    with pytest.raises(VidComputeError) as told:
        vetted_addresses(spelling, 80, resolve=resolve_host, allow_private=False)
    assert told.value.code == "url_address_refused"


def test_one_inside_address_among_public_ones_refuses_all() -> None:
    with pytest.raises(VidComputeError, match="url_address_refused"):
        vetted_addresses("mixed.test", 80, resolve=lambda _h, _p: ["8.8.8.8", "10.0.0.1"], allow_private=False)


@pytest.mark.parametrize("address", INSIDE)
def test_a_setting_permits_inside_addresses(address: str) -> None:
    assert vetted_addresses("lan.test", 80, resolve=lambda _h, _p: [address], allow_private=True) == [address]


@given(st.ip_addresses(v=4))
def test_whatever_carries_an_inside_address_is_inside(address: ipaddress.IPv4Address) -> None:
    number = int(address)
    nat64 = str(ipaddress.IPv6Address((0x64FF9B << 96) + number))
    mapped = str(ipaddress.IPv6Address((0xFFFF << 32) + number))
    isatap = str(ipaddress.IPv6Address((0x2A001450 << 96) + (0x5EFE << 32) + number))
    assert is_public(nat64) == is_public(isatap) == is_public(str(address))
    assert not is_public(mapped)
    if is_public(str(address)):
        assert address.is_global
        assert not address.is_multicast


@given(st.ip_addresses(v=6))
def test_no_address_that_python_calls_private_is_public(address: ipaddress.IPv6Address) -> None:
    nat64 = address in ipaddress.IPv6Network("64:ff9b::/96")  # reserved in name; it leads to public IPv4
    inside = address.is_private or address.is_multicast or (address.is_reserved and not nat64)
    assert not (is_public(str(address)) and inside)


def test_a_name_that_can_be_none_is_told() -> None:
    with pytest.raises(VidComputeError) as told:
        resolve_host("a" * 300, 80)
    assert told.value.code == "url_invalid"
