"""Where the server sends what somebody else has named: to public addresses, whatever way leads to others."""

import asyncio
import os
import socket
import ssl
from datetime import UTC, datetime, timedelta

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat
from cryptography.x509.oid import NameOID

from core.http import destination
from core.http.destination import Refused, check_url, is_admitted
from core.http.outbound import Outbound, Unreachable
from tests.support.receiver import Receiver

PUBLIC = ["1.1.1.1", "8.8.8.8", "93.184.216.34", "172.15.255.255", "172.32.0.1", "192.0.1.1", "198.17.0.1", "223.255.255.254", "2606:4700::1111",
          "2a00:1450:4001:81b::200e", "2001:4860:4860::8888", "2003::1"]  # fmt: skip
# Each beside the range that it stands for.
NOT_PUBLIC = [
    "0.0.0.0", "0.1.2.3", "10.0.0.1", "100.64.0.1", "100.127.255.255", "127.0.0.1", "127.255.255.255", "169.254.169.254", "172.16.0.1",
    "172.31.255.255", "192.0.0.8", "192.0.0.170", "192.0.2.1", "192.88.99.1", "192.168.1.1", "198.18.0.1", "198.19.255.255", "198.51.100.1",
    "203.0.113.1", "224.0.0.1", "239.255.255.250", "240.0.0.1", "255.255.255.255",
    "::", "::1", "::7f00:1", "::127.0.0.1", "::ffff:127.0.0.1", "::ffff:8.8.8.8", "::ffff:0:127.0.0.1", "64:ff9b::7f00:1", "64:ff9b::8.8.8.8",
    "64:ff9b:1::1", "100::1", "2001::1", "2001:0:4136:e378:8000:63bf:3fff:fdd2", "2001:2::1", "2001:10::1", "2001:db8::1", "2002:7f00:1::1",
    "2002:808:808::1", "3fff::1", "5f00::1", "fc00::1", "fd12:3456::1", "fe80::1", "fe80::1%eth0", "fec0::1", "ff02::1", "4000::1",
    "2606:4700::1111%1", "not an address", "",
]  # fmt: skip


def test_only_addresses_of_the_public_internet_are_admitted():
    assert [one for one in PUBLIC if not is_admitted(one, allow_private=False)] == []
    assert [one for one in NOT_PUBLIC if is_admitted(one, allow_private=False)] == []


def test_private_addresses_may_be_allowed_but_never_those_where_clouds_give_secrets():
    for one in ("127.0.0.1", "10.1.2.3", "192.168.0.1", "::1", "fd00::1", "::ffff:127.0.0.1", "1.1.1.1"):
        assert is_admitted(one, allow_private=True), one
    for one in (
        "169.254.169.254",
        "::ffff:169.254.169.254",
        "fe80::1",
        "0.0.0.0",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "64:ff9b::a9fe:a9fe",
        "fd00:ec2::254",
        "100.100.100.200",
        "::ffff:100.100.100.200",
    ):
        assert not is_admitted(one, allow_private=True), one


REFUSED_URLS = [
    "http://example.com/", "ftp://example.com/", "file:///etc/passwd", "gopher://example.com/", "//example.com/", "example.com", "https://", "https:///x",
    "https://user@example.com/", "https://user:password@example.com/", "https://:@example.com/", "https://example.com/#x", "https://example.com/#",
    "https://example.com:22/", "https://example.com:0/", "https://example.com:1023/", "https://example.com:99999/", "https://example.com:x/",
    "https://127.0.0.1/", "https://127.0.0.1:8443/", "https://127.1/", "https://2130706433/", "https://017700000001/", "https://0x7f000001/",
    "https://0x7f.0.0.1/", "https://127.0.0.0x1/", "https://0177.0.0.1/", "https://1.1.1.01/", "https://1.1.1.1.1/", "https://1.1.1.1./", "https://0/",
    "https://[::1]/", "https://[::ffff:127.0.0.1]/", "https://[::ffff:7f00:1]/", "https://[64:ff9b::7f00:1]/", "https://[fe80::1%25eth0]/",
    "https://[2002:7f00:1::]/", "https://169.254.169.254/latest/meta-data/", "https://exa mple.com/", "https://example.com\\@127.0.0.1/",
    "https://ex\nample.com/", "https://example.com/\0", "https://①②⑦.⓪.⓪.①/", "https://ⓔxample.com/", "https://[::1", "https://%31%32%37.0.0.1/",
    " https://example.com/", "javascript:alert(1)", "https://example.com/\u2028",
]  # fmt: skip


@pytest.mark.parametrize("url", REFUSED_URLS)
def test_a_url_that_may_lead_elsewhere_is_refused(url):
    with pytest.raises(Refused):
        check_url(url, allow_private=False)


def test_usual_urls_are_right():
    for url in ("https://example.com", "https://example.com/hooks?token=a%20b", "https://a.b.example.com:8443/", "https://1.1.1.1/", "https://[2606:4700::1111]/",
                "HTTPS://EXAMPLE.COM/", "https://xn--bcher-kva.example/", "https://7.example.com/"):  # fmt: skip
        check_url(url, allow_private=False)
    check_url("http://localhost:8000/in", allow_private=True)
    check_url("http://127.0.0.1:8000/in", allow_private=True)


@pytest.mark.gen_test
async def test_names_that_lead_to_this_machine_are_refused_before_a_connection(monkeypatch):
    """All addresses of a name count, and each way that a name can be looked up."""
    found = {
        "one.example.com": ["127.0.0.1"],
        "mixed.example.com": ["1.1.1.1", "10.0.0.1"],
        "six.example.com": ["::ffff:127.0.0.1"],
        "tunnel.example.com": ["64:ff9b::7f00:1"],
    }

    def look_up(host, port, family=0, kind=0, *_, **__):
        return [
            (socket.AF_INET6 if ":" in one else socket.AF_INET, socket.SOCK_STREAM, 6, "", (one, port))
            for one in found[host]
        ]

    monkeypatch.setattr(socket, "getaddrinfo", look_up)
    client = Outbound(allow_private=False)
    try:
        for host in found:
            with pytest.raises(Refused):
                await client.check(f"https://{host}/", 5)
            with pytest.raises(Refused):
                await client.post(f"https://{host}/", b"{}", {})
    finally:
        await client.close()


@pytest.mark.gen_test
async def test_a_name_that_leads_elsewhere_at_the_second_look_gets_nothing(monkeypatch):
    """DNS rebinding: what is connected to is what was judged, and it is judged where the socket is made."""
    client = Outbound(allow_private=False)
    async with Receiver() as receiver:
        port = int(receiver.url.rpartition(":")[2])
        looks = []

        def look_up(host, asked, *_, **__):
            looks.append(host)
            where = "1.1.1.1" if len(looks) == 1 else "127.0.0.1"
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (where, port))]

        monkeypatch.setattr(socket, "getaddrinfo", look_up)
        await client.check("https://rebound.example.com/", 5)
        # As after the seconds for which an answer is used again.
        client._look_ups._found.clear()
        with pytest.raises(Refused):
            await client.post(f"https://rebound.example.com:{port}/", b"{}", {})
        assert looks == ["rebound.example.com"] * 2 and not receiver.received
        # Even if the look-up itself let it through.
        monkeypatch.setattr(client, "_judge", lambda address: None)
        monkeypatch.setattr(destination, "check_url", lambda url, **_: check_url(url, allow_private=True))
        assert (await client.post(f"http://rebound.example.com:{port}/", b"{}", {})).status == 204
        monkeypatch.undo()
        await client.close()
        guarded = Outbound(allow_private=False)
        monkeypatch.setattr(destination, "check_url", lambda url, **_: check_url(url, allow_private=True))
        with pytest.raises((Refused, Unreachable)):
            await guarded.post(f"http://127.0.0.1:{port}/", b"{}", {})
        await guarded.close()
        assert len(receiver.received) == 1


@pytest.mark.gen_test
async def test_proxies_of_the_environment_are_not_used(monkeypatch):
    for name in ("HTTP_PROXY", "http_proxy", "ALL_PROXY", "all_proxy"):
        monkeypatch.setitem(os.environ, name, "http://127.0.0.1:9/")
    client = Outbound(allow_private=True)
    async with Receiver() as receiver:
        assert (await client.post(f"{receiver.url}/", b"{}", {})).status == 204
    await client.close()


def certificate(folder, name):
    """Files of a certificate that signs itself for a name, and its key."""
    key, now = ec.generate_private_key(ec.SECP256R1()), datetime.now(UTC)
    who = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)])
    made = x509.CertificateBuilder().subject_name(who).issuer_name(who).public_key(key.public_key()).serial_number(7)
    made = made.not_valid_before(now - timedelta(days=1)).not_valid_after(now + timedelta(days=1))
    made = made.add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
    made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True).sign(
        key, hashes.SHA256()
    )
    files = folder / f"{name}.pem", folder / f"{name}.key"
    files[0].write_bytes(made.public_bytes(Encoding.PEM))
    files[1].write_bytes(key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption()))
    return files


@pytest.mark.gen_test
async def test_a_receiver_needs_a_certificate_that_is_valid_for_its_name(tmp_path, monkeypatch):
    files = certificate(tmp_path, "localhost")
    server = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    server.load_cert_chain(*files)
    receiver = await Receiver().open(server)
    try:
        by_name = receiver.url.replace("127.0.0.1", "localhost")
        client = Outbound(allow_private=True)
        with pytest.raises(Unreachable, match="certificate"):
            await client.post(by_name, b"{}", {})
        await client.close()
        monkeypatch.setenv("SSL_CERT_FILE", str(files[0]))
        client = Outbound(allow_private=True)
        assert (await client.post(by_name, b"{}", {})).status == 204
        with pytest.raises(Unreachable, match="certificate"):
            await client.post(receiver.url, b"{}", {})
        await client.close()
        assert len(receiver.received) == 1
    finally:
        await receiver.__aexit__()


@pytest.mark.gen_test
async def test_an_answer_is_read_up_to_a_limit():
    async def stream(reader, writer):
        await reader.readuntil(b"{}")
        writer.write(b"HTTP/1.1 200 OK\r\n\r\n")
        try:
            while True:
                writer.write(b"x" * 65536)
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(stream, "127.0.0.1", 0)
    client = Outbound(allow_private=True)
    port = server.sockets[0].getsockname()[1]
    response = await client.post(f"http://127.0.0.1:{port}/", b"{}", {})
    assert (response.status, len(response.body)) == (200, 64 * 1024)
    await client.close()
    server.close()


@pytest.mark.parametrize(
    ("begin", "more"),
    [
        (b"", b"HTTP/1.1 103 Early Hints\r\n\r\n"),
        (b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", b"1;" + b"x" * 60),
        (b"HTTP/1.1 200 OK\r\n", b"X: y\r\n"),
        (b"HTTP/1.1 200 OK\r\nX: ", b"yyyyyyyy"),
    ],
)
@pytest.mark.gen_test
async def test_what_comes_beside_a_body_without_end_ends_the_connection(begin, more):
    """Long before the time for an answer is over, which here is longer than a test."""

    async def stream(reader, writer):
        await reader.readuntil(b"{}")
        writer.write(begin)
        try:
            while True:
                writer.write(more * 500)
                await writer.drain()
        except ConnectionError:
            writer.close()

    server = await asyncio.start_server(stream, "127.0.0.1", 0)
    client = Outbound(allow_private=True, whole_seconds=1000.0)
    url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}/"
    try:
        assert (await client.post(url, b"{}", {})).status == 200
    except Unreachable:
        pass
    await client.close()
    server.close()
