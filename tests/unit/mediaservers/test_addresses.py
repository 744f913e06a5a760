"""What a media server's address may be, however it is written, and that nothing is sent to any other."""

from __future__ import annotations

import socket

import pytest
from yarl import URL

from shared.errors import InvalidInput, ServerRefused
from shared.mediaservers.addresses import ForbiddenAddress, guarded_socket, is_forbidden
from shared.mediaservers.http import HttpServer, Patience, server_url

OURS = ("127.0.0.1", "::1", "10.0.0.7", "172.16.3.4", "192.168.1.20", "100.64.0.9", "fd12:3456::1", "93.184.216.34")
NOT_OURS = (
    "169.254.169.254",
    "169.254.0.1",
    "fe80::1",
    "fe80::1%eth0",
    "0.0.0.0",
    "::",
    "224.0.0.251",
    "ff02::1",
    "255.255.255.255",
    "240.0.0.1",
    "168.63.129.16",
    "100.100.100.200",
    "192.0.0.192",
    "fd00:ec2::254",
    "::ffff:169.254.169.254",
    "2002:a9fe:a9fe::1",
    "64:ff9b::a9fe:a9fe",
)


@pytest.mark.parametrize("address", OURS)
def test_private_and_public_addresses_and_this_machine_are_fine(address: str) -> None:
    assert not is_forbidden(address)
    host = f"[{address}]" if ":" in address else address
    assert server_url(f"http://{host}:4533").host == address


@pytest.mark.parametrize("address", NOT_OURS)
def test_link_local_and_metadata_addresses_are_not_however_they_are_written(address: str) -> None:
    assert is_forbidden(address)
    if "%" not in address:
        host = f"[{address}]" if ":" in address else address
        with pytest.raises(InvalidInput, match="no media server can have this address"):
            server_url(f"http://{host}:4533")
    family = socket.AF_INET6 if ":" in address else socket.AF_INET
    with pytest.raises(ForbiddenAddress):
        guarded_socket((family, socket.SOCK_STREAM, 6, "", (address, 80)))


def test_a_name_is_no_address() -> None:
    assert not is_forbidden("nas.example")


async def test_a_name_that_leads_there_is_refused_when_it_is_connected_to(monkeypatch: pytest.MonkeyPatch) -> None:
    there = (socket.AF_INET, socket.SOCK_STREAM, 6, "", ("169.254.169.254", 80))
    monkeypatch.setattr(socket, "getaddrinfo", lambda *_, **__: [there])
    server = HttpServer(URL("http://nas.example:80"), Patience(connect_s=5))
    try:
        with pytest.raises(ServerRefused, match="no media server can have") as caught:
            await server.fetch("rest/ping", {})
    finally:
        await server.close()
    assert caught.value.reason == "bad_address"
