"""Which addresses are asked: the rule by itself, and redirects from a server on this machine."""

import socket
import threading

import pytest

from file_server import CONTENT, running
from wisp.core.errors import InputError
from wisp.engine.store import addresses, fetch
from wisp.engine.store.addresses import check_address, check_url, request

PUBLIC = ["8.8.8.8", "140.82.121.4", "2606:4700::1111", "::ffff:8.8.8.8", "64:ff9b::808:808"]
PRIVATE = [
    "10.0.0.1",
    "172.16.3.4",
    "192.168.1.1",
    "fd00::1",
    "100.64.0.1",
    "::ffff:10.0.0.1",
    "64:ff9b::a00:1",
]
LOCAL = ["127.0.0.1", "127.9.9.9", "::1", "0.0.0.0", "::", "169.254.169.254", "fe80::1", "fe80::1%eth0"]
LOCAL += ["::ffff:127.0.0.1", "64:ff9b::7f00:1", "224.0.0.1", "ff02::1", "255.255.255.255", "240.0.0.1"]


@pytest.mark.parametrize("address", PUBLIC)
def test_public_addresses_are_accepted(address):
    check_address(address)
    check_address(address, trusted=True)


@pytest.mark.parametrize("address", [*PRIVATE, *LOCAL, "2002:7f00:1::", "2002:a00:1::"])
def test_others_are_refused(address):
    with pytest.raises(InputError, match="of this machine or of a private network; public ones are accepted"):
        check_address(address)


@pytest.mark.parametrize("address", LOCAL)
def test_a_mirror_may_not_be_this_machine(address):
    with pytest.raises(InputError, match="of this machine"):
        check_address(address, trusted=True)


@pytest.mark.parametrize("address", ["10.0.0.1", "192.168.1.1", "fd00::1"])
def test_a_mirror_may_be_private(address):
    check_address(address, trusted=True)


@pytest.mark.parametrize(
    ("url", "problem"),
    [
        ("file:///etc/passwd", "begins with file:"),
        ("ftp://example.org/a", "begins with ftp:"),
        ("http://example.org/a", "begins with http:"),
        ("data:text/plain,a", "begins with data:"),
        ("/etc/passwd", "begins with no scheme:"),
        ("https:///a", "names no host"),
        ("https://example.org/a b", "names no host"),
        ("https://example.org:x/a", "is no address"),
        ("https://me:secret@example.org/a", "carries a user's name"),
    ],
)
def test_other_urls_are_refused(url, problem):
    with pytest.raises(InputError, match=problem) as told:
        check_url(url)
    assert "secret" not in str(told.value)
    if not url.startswith("http://"):
        with pytest.raises(InputError, match=problem):
            check_url(url, trusted=True)


def test_what_is_published_is_asked_by_https():
    assert check_url("https://example.org/a").hostname == "example.org"
    assert check_url("http://mirror.example.org/a", trusted=True).port is None


@pytest.mark.parametrize("url", ["https://127.0.0.1:9/a", "https://localhost:9/a", "https://[::1]:9/a"])
def test_nothing_on_this_machine_is_connected_to(url, monkeypatch):
    for name in ("HTTPS_PROXY", "https_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.delenv(name, raising=False)
    with pytest.raises(InputError, match=r"(leads to|::1|127).*of this machine or of a private network"):
        request(url)


def test_a_name_that_leads_to_a_private_network_is_refused(monkeypatch):
    """Whatever else it leads to: all addresses must be public, and those are what is connected to."""
    found = [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 443)) for ip in ("8.8.8.8", "10.1.2.3")]
    monkeypatch.setattr(addresses, "getproxies", dict)
    monkeypatch.setattr(addresses.socket, "getaddrinfo", lambda *_, **__: found)
    monkeypatch.setattr(addresses.socket, "socket", lambda *_: pytest.fail("connected"))
    with pytest.raises(InputError, match=r"models.example.org: leads to 10.1.2.3, which is an address of"):
        request("https://models.example.org/a")


@pytest.mark.parametrize(
    "target",
    [
        "file:///etc/passwd",
        "https://10.0.0.1/a",
        "https://169.254.169.254/latest",
        "https://[::1]/a",
        "ftp://8.8.8.8/a",
    ],
)
def test_redirects_are_held_to_the_rule(server, tmp_path, target, monkeypatch):
    monkeypatch.setattr(addresses, "getproxies", dict)
    server.redirects["/whole.onnx"] = target
    with pytest.raises(InputError, match=r"begins with (file|ftp):|leads to .* private network"):
        fetch(server.row(), [tmp_path])
    assert not list(tmp_path.glob("toy*"))


def test_a_redirect_to_another_server_of_this_machine_is_refused(server, tmp_path):
    with running(tested=False) as other:
        server.redirects["/whole.onnx"] = other.url()
        with pytest.raises(InputError, match="begins with http:"):
            fetch(server.row(), [tmp_path])
        assert other.requests == []


def test_a_mirror_is_trusted_and_what_it_redirects_to_is_not(server, tmp_path):
    with running(tested=False) as other:
        server.redirects["/m/toy.onnx"] = other.url()
        with pytest.raises(InputError, match="begins with http:"):
            fetch(server.row("/gone.onnx"), [tmp_path], mirrors=[server.url("/m")])
        with pytest.raises(InputError, match="of this machine"):  # no mirror may be this machine either
            fetch(server.row("/gone.onnx"), [tmp_path], mirrors=[other.url("/")])
        assert other.requests == []


def test_a_redirect_that_is_allowed_is_followed(server, tmp_path):
    server.redirects = {"/a.onnx": "/b.onnx?x=1", "/b.onnx?x=1": server.url("/whole.onnx")}
    assert fetch(server.row("/a.onnx"), [tmp_path]).read_bytes() == CONTENT
    server.redirects = {"/a.onnx": "/a.onnx"}
    with pytest.raises(InputError, match="more than 8 redirects"):
        request(server.url("/a.onnx"))


def test_a_proxy_is_used_where_the_user_has_one(monkeypatch):
    """It is asked for a tunnel to the host; what cannot be seen from here, it decides."""
    heard = []
    with socket.create_server(("127.0.0.1", 0)) as listening:

        def answer():
            connection, _ = listening.accept()
            with connection:
                heard.append(connection.recv(4096).split(b"\r\n")[0])
                connection.sendall(b"HTTP/1.1 403 Forbidden\r\n\r\n")

        thread = threading.Thread(target=answer, daemon=True)
        thread.start()
        monkeypatch.setattr(
            addresses, "getproxies", lambda: {"https": f"http://127.0.0.1:{listening.getsockname()[1]}"}
        )
        monkeypatch.setattr(addresses, "proxy_bypass", lambda _: False)
        monkeypatch.setattr(
            addresses, "HTTPSConnection", addresses.HTTPConnection
        )  # no TLS to the test's proxy
        with pytest.raises(OSError, match="403"):
            request("https://8.8.8.8/a")
        thread.join()
        assert heard[0].startswith(b"CONNECT 8.8.8.8:443 HTTP/1.")
        with pytest.raises(InputError, match="of this machine or of a private network"):
            request("https://10.0.0.1/a")


def test_the_way_past_the_rule_is_shut():
    assert not addresses.TEST_SERVERS
