"""A mail server for tests: aiosmtpd, in the test's own event loop."""

import asyncio
import datetime
import ipaddress
import ssl
from collections.abc import Callable
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import SMTPUTF8
from functools import cache
from pathlib import Path
from typing import Any

from aiosmtpd.smtp import SMTP, AuthResult
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec

HOST = "localhost"
USER, PASSWORD = "post", "secret of post"


class MailServer:
    """Keeps what it is sent: `mails`, and `envelopes`. `says` answers in its place: `says["RCPT"] = "550 unknown"`; also MAIL, DATA.

    tls: "" (plain), "starttls" or "ssl". signs_in: clients must sign in as USER.
    """

    def __init__(self, *, tls: str = "", signs_in: bool = False, knows_unicode: bool = True) -> None:
        self._tls, self._signs_in, self._knows_unicode = tls, signs_in, knows_unicode
        self.mails: list[EmailMessage] = []
        self.envelopes: list[Any] = []
        self.says: dict[str, str] = {}
        self.connections = 0

    async def open(self, folder: Path) -> "MailServer":
        context = server_context(folder) if self._tls else None
        self._server = await asyncio.get_running_loop().create_server(
            lambda: self._protocol(context if self._tls == "starttls" else None),
            "127.0.0.1",
            0,
            ssl=context if self._tls == "ssl" else None,
        )
        self.port: int = self._server.sockets[0].getsockname()[1]
        return self

    def close(self) -> None:
        self._server.close()

    def _protocol(self, context: ssl.SSLContext | None) -> SMTP:
        self.connections += 1
        return SMTP(
            self,
            hostname=HOST,
            enable_SMTPUTF8=self._knows_unicode,
            tls_context=context,
            require_starttls=context is not None,
            auth_required=self._signs_in,
            auth_require_tls=False,
            authenticator=self._admits,
            loop=asyncio.get_running_loop(),
        )

    def _admits(self, server: Any, session: Any, envelope: Any, mechanism: str, data: Any) -> AuthResult:
        return AuthResult(success=(data.login, data.password) == (USER.encode(), PASSWORD.encode()), handled=False)

    async def handle_MAIL(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if "MAIL" in self.says:
            return self.says["MAIL"]
        envelope.mail_from = address
        envelope.mail_options += options
        return "250 OK"

    async def handle_RCPT(self, server: Any, session: Any, envelope: Any, address: str, options: list[str]) -> str:
        if "RCPT" in self.says:
            return self.says["RCPT"]
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:
        if "DATA" in self.says:
            return self.says["DATA"]
        self.envelopes.append(envelope)
        found = message_from_bytes(envelope.content, policy=SMTPUTF8)
        assert isinstance(found, EmailMessage)
        self.mails.append(found)
        return "250 accepted"


@cache
def _certificate() -> bytes:
    """A key and a certificate of HOST that nobody has signed."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, HOST)])
    now = datetime.datetime.now(datetime.UTC)
    names = [x509.DNSName(HOST), x509.IPAddress(ipaddress.ip_address("127.0.0.1"))]
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName(names), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=None), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding = serialization.Encoding.PEM
    private = key.private_bytes(encoding, serialization.PrivateFormat.PKCS8, serialization.NoEncryption())
    return private + certificate.public_bytes(encoding)


def server_context(folder: Path) -> ssl.SSLContext:
    path = folder / "mail-server.pem"
    path.write_bytes(_certificate())
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(path)
    return context


def trusting_context() -> ssl.SSLContext:
    """What a client uses that trusts this server's certificate."""
    return ssl.create_default_context(cadata=_certificate().decode())


Opener = Callable[..., Any]
