"""Mail by SMTP: what is sent, over which connection, and which failures are worth another attempt.

A mail is sent once the server has accepted it, which it says last. When the connection breaks in just that moment, nobody knows; the mail is
then sent again by the job that sends it. Both copies have the same Message-ID, by which many mail programs show only one.
"""

import asyncio
import contextlib
import hashlib
import socket
import ssl
from collections.abc import Sequence
from dataclasses import dataclass
from email.headerregistry import Address
from email.message import EmailMessage
from email.policy import SMTP
from email.utils import localtime, parseaddr
from typing import TYPE_CHECKING, Any

import idna

from core.email_address import normal
from core.settings import CoreSettings, is_loopback

if TYPE_CHECKING:
    import aiosmtplib

# For each answer of the server.
ANSWER_SECONDS = 30.0
# For a whole mail. Large attachments over a slow line take their time.
MAIL_SECONDS = 180.0
# Characters of a subject or name; longer ones are cut, as nobody reads them.
LONGEST_LINE = 250
# Characters of a server's answer that a message repeats.
LONGEST_ANSWER = 300
# How a message is written: texts are encoded in ASCII, which every server on the way passes on.
WIRE = SMTP.clone(cte_type="7bit")


class MailError(Exception):
    """The mail was not sent. The message says why, in words for the person who wrote it."""


class MailRefused(MailError):
    """It never will be: the address or the content is not accepted."""


class MailDelayed(MailError):
    """It may be later: the server can't be reached, is busy, or its settings are wrong."""


@dataclass(frozen=True)
class Attachment:
    """A file that goes with a mail. media_type: such as application/pdf."""

    filename: str
    content: bytes
    media_type: str


@dataclass(frozen=True)
class Letter:
    """One mail to one person. key: names it, in all attempts to send it. sender_name: shown instead of the name in DEFAULT_FROM_EMAIL."""

    key: str
    to: str
    subject: str
    text: str
    html: str = ""
    to_name: str = ""
    sender_name: str = ""
    reply_to: str = ""
    attachments: Sequence[Attachment] = ()


class Mail:
    """Sends mail by the server of the settings. tls: None verifies the server's certificate by the system's authorities."""

    def __init__(self, config: CoreSettings, *, tls: ssl.SSLContext | None = None) -> None:
        self._config, self._tls = config, tls

    @property
    def is_configured(self) -> bool:
        """Whether there is a server to send by. Without one, callers note that a mail was not sent."""
        return bool(self._config.email_host)

    async def send(self, letter: Letter) -> str:
        """Send it; returns its Message-ID. Raises MailRefused, MailDelayed."""
        import aiosmtplib

        if not self.is_configured:
            raise MailRefused("No mail server is configured (EMAIL_HOST).")
        message = self.compose(letter)
        recipient = _on_the_wire(letter.to)
        sender = _on_the_wire(parseaddr(self._config.default_from_email)[1])
        # Only addresses in other letters than ASCII need more than the first version of SMTP.
        options = [] if recipient.isascii() and sender.isascii() else ["SMTPUTF8"]
        content = message.as_bytes(policy=WIRE.clone(utf8=bool(options)))
        try:
            async with asyncio.timeout(MAIL_SECONDS):
                client = await self._open()
                try:
                    if options:
                        await client.ehlo()
                        if not client.supports_extension("smtputf8"):
                            raise MailRefused(f"The mail server can't send to {letter.to}: it knows ASCII only.")
                    await client.sendmail(sender, [recipient], content, mail_options=options)
                finally:
                    await _close(client)
        except aiosmtplib.SMTPRecipientsRefused as error:
            raise _of_answer(error.recipients[0].code, error.recipients[0].message, letter.to) from error
        except aiosmtplib.SMTPDataError as error:
            raise _of_answer(error.code, error.message, letter.to) from error
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            # Also a refused sender or password: the administrator can set it right, and the mail is then sent.
            raise MailDelayed(f"The mail server {self._server} did not take the mail: {_said(error)}") from error
        return str(message["Message-ID"])

    def compose(self, letter: Letter) -> EmailMessage:
        """The message. Raises MailRefused: an address is not one."""
        name, address = parseaddr(self._config.default_from_email)
        message = EmailMessage(policy=WIRE)
        message["From"] = _mailbox(address, letter.sender_name or name)
        message["To"] = _mailbox(letter.to, letter.to_name)
        if letter.reply_to:
            message["Reply-To"] = _mailbox(letter.reply_to, letter.sender_name)
        message["Subject"] = _one_line(letter.subject)
        message["Date"] = localtime()
        message["Message-ID"] = self._message_id(letter.key, address)
        # Automatic answers, such as those of somebody on holiday, are not wanted (RFC 3834).
        message["Auto-Submitted"] = "auto-generated"
        message.set_content(letter.text)
        if letter.html:
            message.add_alternative(letter.html, subtype="html")
        for file in letter.attachments:
            main, _, sub = file.media_type.partition("/")
            message.add_attachment(file.content, main, sub, filename=_one_line(file.filename).replace("/", "_"))
        return message

    async def check(self) -> str:
        """Sign in at the server and sign off again; returns its name. Raises MailDelayed."""
        import aiosmtplib

        try:
            async with asyncio.timeout(ANSWER_SECONDS):
                client = await self._open()
                await _close(client)
        except (aiosmtplib.SMTPException, OSError, TimeoutError) as error:
            raise MailDelayed(f"{self._server}: {_said(error)}") from error
        return self._server

    @property
    def _server(self) -> str:
        return f"{self._config.email_host}:{self._config.email_port}"

    async def _open(self) -> "aiosmtplib.SMTP":
        import aiosmtplib

        config = self._config
        encrypted = config.email_use_tls or config.email_use_ssl
        # The settings are read so too (core/settings.py); this is the last moment before the password leaves the machine.
        if config.email_host_user and not encrypted and not is_loopback(config.email_host):
            raise MailDelayed("The mail server's password is sent only over TLS (EMAIL_USE_TLS, EMAIL_USE_SSL).")
        client = aiosmtplib.SMTP(
            hostname=config.email_host,
            port=config.email_port,
            use_tls=config.email_use_ssl,
            start_tls=config.email_use_tls,
            timeout=ANSWER_SECONDS,
            tls_context=(self._tls or ssl.create_default_context()) if encrypted else None,
            # Otherwise it is looked up, which may take seconds.
            local_hostname=_own_name(),
        )
        await client.connect()
        try:
            if config.email_host_user:
                await client.login(config.email_host_user, config.email_host_password)
        except BaseException:
            await _close(client)
            raise
        return client

    def _message_id(self, key: str, address: str) -> str:
        """The same for the same key; of another installation, another one."""
        secret = hashlib.sha256(self._config.secret_key.encode()).digest()
        name = hashlib.blake2b(key.encode(), key=secret, digest_size=16).hexdigest()
        return f"<{name}@{_on_the_wire(address).rpartition('@')[2]}>"


def _mailbox(address: str, name: str) -> Address:
    local, _, domain = _on_the_wire(address).rpartition("@")
    return Address(_one_line(name), local, domain)


def _on_the_wire(address: str) -> str:
    """The address with its domain in ASCII. Raises MailRefused if it is not an e-mail address: a line break
    in it must not reach the connection."""
    found = normal(address)
    if found is None:
        raise MailRefused(f"{address[:100]!r} is not an e-mail address.")
    local, _, domain = found.rpartition("@")
    return f"{local}@{domain if domain.isascii() else idna.encode(domain, uts46=True).decode('ascii')}"


def _one_line(text: str) -> str:
    """The text without line breaks and controls, which could begin another header."""
    return " ".join("".join(c if c.isprintable() else " " for c in text).split())[:LONGEST_LINE]


def _of_answer(code: int, answer: str, to: str) -> MailError:
    """What an answer of the server about a recipient or a content means: 5xx is for good (RFC 5321, 4.2.1)."""
    kind = MailRefused if 500 <= code < 600 else MailDelayed
    return kind(f"The mail server did not accept the mail to {to}: {code} {_one_line(answer)[:LONGEST_ANSWER]}")


def _said(error: BaseException) -> str:
    return _one_line(str(error))[:LONGEST_ANSWER] or type(error).__name__


def _own_name() -> str:
    name = socket.gethostname()
    return name if name.isascii() and name.replace("-", "").replace(".", "").isalnum() else "localhost"


async def _close(client: Any) -> None:
    """Sign off. What the server has accepted stays accepted, whatever becomes of the connection."""
    with contextlib.suppress(Exception):
        await client.quit(timeout=2)
    client.close()
