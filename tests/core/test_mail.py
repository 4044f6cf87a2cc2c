"""Mail over a real SMTP server: what arrives, and which failures are worth another attempt."""

import socket
from dataclasses import replace
from typing import Any

import pytest

from core import settings as settings_module
from core.mail import Attachment, Letter, Mail, MailDelayed, MailRefused
from core.settings import CoreSettings, SettingsError
from tests.support.smtp import PASSWORD, USER, MailServer, trusting_context

pytestmark = pytest.mark.filterwarnings("ignore:Requiring AUTH while not requiring TLS")

PLAIN = {"email_host": "localhost", "default_from_email": "Tienda Sol <post@shop.example.com>"}
LETTER = Letter("job-1", "ana@example.com", "Invoice INV-1", "Please pay.")


@pytest.fixture
def server(io_loop, tmp_path):
    """`await server(tls="ssl")`: a mail server that runs until the end of the test."""
    opened: list[MailServer] = []

    async def server(**more: Any) -> MailServer:
        opened.append(await MailServer(**more).open(tmp_path))
        return opened[-1]

    yield server
    for one in opened:
        one.close()


@pytest.fixture
def mail(settings):
    """`mail(server, email_use_tls=True)`: a client of the server with these settings."""

    def mail(server: MailServer, *, trusts: bool = True, **more: Any) -> Mail:
        config = replace(settings, **{**PLAIN, "email_port": server.port, **more})
        return Mail(config, tls=trusting_context() if trusts else None)

    return mail


@pytest.mark.gen_test
async def test_a_mail_arrives_with_its_texts_its_files_and_who_to_answer(server, mail):
    there = await server()
    files = [Attachment("Factura nº 1/2.pdf", b"%PDF-1.7\r\n\x00\xff", "application/pdf")]
    sent = await mail(there).send(
        Letter(
            "job-7",
            "ana@example.com",
            "Invoice №1 – ₹ 5",
            "नमस्ते\n.\nA line of a single dot stays.",
            html="<p>नमस्ते</p>",
            to_name="Ana, Müller & Co",
            sender_name="María's Shop",
            reply_to="maria@shop.example.com",
            attachments=files,
        )
    )
    (found,) = there.mails
    assert found["From"] == "María's Shop <post@shop.example.com>"
    assert found["To"].addresses[0].display_name == "Ana, Müller & Co"
    assert found["Reply-To"].addresses[0].addr_spec == "maria@shop.example.com"
    assert found["Subject"] == "Invoice №1 – ₹ 5"
    assert found["Message-ID"] == sent and sent.endswith("@shop.example.com>")
    assert found.get_body(("plain",)).get_content().splitlines()[:2] == ["नमस्ते", "."]
    assert found.get_body(("html",)).get_content().strip() == "<p>नमस्ते</p>"
    (attached,) = found.iter_attachments()
    assert attached.get_filename() == "Factura nº 1_2.pdf"
    assert attached.get_content() == files[0].content and attached.get_content_type() == "application/pdf"
    (envelope,) = there.envelopes
    assert (envelope.mail_from, envelope.rcpt_tos) == ("post@shop.example.com", ["ana@example.com"])
    # Any server takes it, as it is ASCII on the wire.
    assert envelope.content.isascii()


@pytest.mark.gen_test
async def test_the_same_mail_sent_again_has_the_same_message_id(server, mail):
    there = await server()
    client = mail(there)
    first = await client.send(LETTER)
    assert await client.send(LETTER) == first
    assert await client.send(replace(LETTER, key="job-2")) != first
    assert await mail(there, secret_key="another-key-of-at-least-32-bytes!!").send(LETTER) != first


@pytest.mark.gen_test
@pytest.mark.parametrize("tls", ["starttls", "ssl"])
async def test_it_signs_in_over_tls(server, mail, tls):
    there = await server(tls=tls, signs_in=True)
    how = {"email_use_tls": tls == "starttls", "email_use_ssl": tls == "ssl"}
    account = {"email_host_user": USER, "email_host_password": PASSWORD}
    await mail(there, **how, **account).send(LETTER)
    assert len(there.mails) == 1
    assert await mail(there, **how, **account).check() == f"localhost:{there.port}"
    # A wrong password is the administrator's to correct: the mail can be sent then.
    with pytest.raises(MailDelayed, match="535"):
        await mail(there, **how, **account | {"email_host_password": "wrong"}).send(LETTER)
    with pytest.raises(MailDelayed, match="certificate"):
        await mail(there, **how, **account, trusts=False).send(LETTER)
    assert len(there.mails) == 1


@pytest.mark.gen_test
async def test_a_server_without_tls_gets_neither_password_nor_mail_where_tls_is_set(server, mail):
    there = await server(signs_in=True)
    account = {"email_host_user": USER, "email_host_password": PASSWORD}
    with pytest.raises(MailDelayed):
        await mail(there, email_use_tls=True, **account).send(LETTER)
    with pytest.raises(MailDelayed, match="only over TLS"):
        await mail(there, email_host="127.0.0.1.nip.invalid", **account).send(LETTER)
    assert there.mails == []
    # On this machine nobody can listen.
    await mail(there, **account).send(LETTER)
    assert len(there.mails) == 1


@pytest.mark.gen_test
@pytest.mark.parametrize(
    ("command", "answer", "kind"),
    [
        ("RCPT", "550 5.1.1 no such user", MailRefused),
        ("RCPT", "450 4.2.0 greylisted", MailDelayed),
        ("DATA", "554 5.7.1 looks like spam", MailRefused),
        ("DATA", "451 4.3.0 disk full", MailDelayed),
        ("MAIL", "550 5.7.1 sender not allowed", MailDelayed),
        ("MAIL", "421 4.3.2 shutting down", MailDelayed),
    ],
)
async def test_what_the_server_refuses_for_good_is_told_from_what_it_may_take_later(
    server, mail, command, answer, kind
):
    there = await server()
    there.says[command] = answer
    with pytest.raises(kind, match=answer.split(" ", 1)[1].split(" ", 1)[0]):
        await mail(there).send(LETTER)


@pytest.mark.gen_test
async def test_a_server_that_cannot_be_reached_may_be_later(server, mail):
    there = await server()
    there.close()
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        nobody = probe.getsockname()[1]
    with pytest.raises(MailDelayed, match=f"localhost:{nobody}"):
        await mail(there, email_port=nobody).send(LETTER)
    with pytest.raises(MailDelayed):
        await mail(there, email_port=nobody).check()


@pytest.mark.gen_test
@pytest.mark.parametrize(
    "address",
    [
        "a@b.example\r\nRCPT TO:<x@evil.example>",
        "a@b.example>\r\nDATA",
        "a@b.example,x@evil.example",
        "a b@c.example",
        "a",
        "",
        "<a@b.example>",
    ],
)
async def test_what_is_no_address_never_reaches_the_server(server, mail, address):
    there = await server()
    for wrong in (replace(LETTER, to=address), replace(LETTER, reply_to=address or "@")):
        with pytest.raises(MailRefused, match="not an e-mail address"):
            await mail(there).send(wrong)
    assert there.connections == 0


@pytest.mark.gen_test
async def test_line_breaks_in_names_and_subjects_begin_no_header(server, mail):
    there = await server()
    trick = "Hello\r\nBcc: evil@evil.example\x00\n\nbody"
    await mail(there).send(replace(LETTER, subject=trick, to_name=trick, sender_name=trick, reply_to="r@example.com"))
    (found,) = there.mails
    assert "Bcc" not in found and found["Subject"] == "Hello Bcc: evil@evil.example body"
    assert found.get_content().strip() == "Please pay."
    assert there.envelopes[0].rcpt_tos == ["ana@example.com"]


@pytest.mark.gen_test
async def test_an_address_in_other_letters_is_sent_to_where_the_server_can(server, mail):
    there = await server()
    await mail(there).send(replace(LETTER, to="ana@उदाहरण.भारत"))
    assert there.envelopes[0].rcpt_tos == ["ana@xn--p1b6ci4b4b3a.xn--h2brj9c"]
    await mail(there).send(replace(LETTER, to="maría@example.com"))
    assert there.envelopes[1].rcpt_tos == ["maría@example.com"]
    ascii_only = await server(knows_unicode=False)
    with pytest.raises(MailRefused, match="ASCII"):
        await mail(ascii_only).send(replace(LETTER, to="maría@example.com"))


@pytest.mark.gen_test
async def test_without_a_server_mail_says_so(settings):
    nowhere = Mail(settings)
    assert not nowhere.is_configured
    with pytest.raises(MailRefused, match="EMAIL_HOST"):
        await nowhere.send(LETTER)


NEEDED = {"SECRET_KEY": "test-secret-key-of-at-least-32-bytes!", "DATABASE_URL": "postgresql://u@localhost/d"}
SENDER = {"EMAIL_HOST": "smtp.example.com", "DEFAULT_FROM_EMAIL": "post@example.com"}


def test_settings_of_mail_fit_together():
    for given, wrong in [
        ({"EMAIL_HOST": "smtp.example.com"}, "DEFAULT_FROM_EMAIL is missing"),
        ({**SENDER, "DEFAULT_FROM_EMAIL": "nobody"}, "DEFAULT_FROM_EMAIL: must be"),
        ({**SENDER, "DEFAULT_FROM_EMAIL": "a@b.example\r\nBcc: c@d.example"}, "DEFAULT_FROM_EMAIL: must be"),
        ({**SENDER, "EMAIL_PORT": "70000"}, "EMAIL_PORT: must be between"),
        ({**SENDER, "EMAIL_USE_TLS": "true", "EMAIL_USE_SSL": "true"}, "one or the other"),
        ({**SENDER, "EMAIL_USE_TLS": "true", "EMAIL_HOST_USER": "u"}, "go together"),
        ({**SENDER, "EMAIL_HOST_USER": "u", "EMAIL_HOST_PASSWORD": "p"}, "would be sent unencrypted"),
    ]:
        with pytest.raises(SettingsError, match=wrong):
            settings_module.read(CoreSettings, {**NEEDED, **given})
    account = {"EMAIL_HOST_USER": "u", "EMAIL_HOST_PASSWORD": "p"}
    settings_module.read(CoreSettings, {**NEEDED, **SENDER, **account, "EMAIL_USE_TLS": "true"})
    found = settings_module.read(CoreSettings, {**NEEDED, **SENDER, **account, "EMAIL_HOST": "127.0.0.1"})
    assert "p" != repr(found) and "email_host_password" not in repr(found)
