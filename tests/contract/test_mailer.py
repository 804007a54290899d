"""The contract of what takes mails away, over real SMTP with and without TLS, and into a folder; the leader's part."""

import asyncio
import ssl
from collections.abc import AsyncGenerator, Callable, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from email import message_from_bytes
from email.message import EmailMessage
from email.policy import default
from pathlib import Path
from types import SimpleNamespace
from typing import Any, Literal, get_args

import pytest
from aiosmtpd.smtp import SMTP, AuthResult, LoginPassword
from sqlalchemy import Connection

from tests.contract.hooks import Heard
from tests.fixtures.attempts import eventually
from tests.fixtures.certificates import Certificate
from vidcompute.adapters.mail_outbox import OutboxMailer
from vidcompute.adapters.mail_smtp import SmtpMailer, SmtpServer
from vidcompute.db import outbox
from vidcompute.db.engine import Database
from vidcompute.dispatch.leading import Leading
from vidcompute.dispatch.mailing import Mailing
from vidcompute.errors import Kind, VidComputeError
from vidcompute.ids import new_id
from vidcompute.ports.mail import Mailer, Message
from vidcompute.services import mail
from vidcompute.services.mail import VALUES, Mail

Security = Literal["tls", "starttls", "none"]
SENDER = "VidCompute <video@example.org>"
HOSTILE = '<script>alert(1)</script>"\r\nBcc: all@example.org\r\n\r\n.\r\nQUIT\r\n'


@dataclass
class Postbox:
    """A real SMTP server's handler. `refuse` answers the recipient, where it is set."""

    envelopes: list[Any] = field(default_factory=list)
    refuse: str = ""
    secure: list[bool] = field(default_factory=list)
    users: list[bytes] = field(default_factory=list)

    async def take_recipient(
        self, server: Any, _session: Any, envelope: Any, address: str, _options: Sequence[str]
    ) -> str:
        if self.refuse:
            return self.refuse
        self.secure.append(server.transport.get_extra_info("ssl_object") is not None)
        envelope.rcpt_tos.append(address)
        return "250 OK"

    async def take_mail(self, _server: Any, _session: Any, envelope: Any) -> str:
        self.envelopes.append(envelope)
        return "250 OK"

    def authenticate(self, _server: Any, _session: Any, _envelope: Any, _mechanism: str, data: Any) -> AuthResult:
        assert isinstance(data, LoginPassword)
        self.users.append(data.login)
        return AuthResult(success=data.password == b"pass word", handled=False)

    def mails(self) -> list[EmailMessage]:
        return [message_from_bytes(envelope.content, policy=default) for envelope in self.envelopes]


@asynccontextmanager
async def serving(postbox: Postbox, security: Security, certificate: Certificate) -> AsyncGenerator[SmtpServer]:
    handler = SimpleNamespace(handle_RCPT=postbox.take_recipient, handle_DATA=postbox.take_mail)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(certificate.file, certificate.key)
    options: dict[str, Any] = {"hostname": "mail.test"}
    if security == "starttls":
        options |= {"tls_context": context, "require_starttls": True}
    if security != "none":
        options |= {"authenticator": postbox.authenticate, "auth_required": security == "starttls"}
    if security == "tls":
        options |= {"auth_require_tls": False}  # it knows of TLS by STARTTLS alone
    server = await asyncio.get_running_loop().create_server(
        lambda: SMTP(handler, **options), "127.0.0.1", 0, ssl=context if security == "tls" else None
    )
    try:
        plain = SmtpServer("127.0.0.1", server.sockets[0].getsockname()[1], security)
        yield plain if security == "none" else replace(plain, username="ann@example.org", password="pass word")
    finally:
        server.close()


@dataclass
class Way:
    """A mailer, and what came out at its other end."""

    mailer: Mailer
    mails: Callable[[], list[EmailMessage]]


@pytest.fixture(params=["tls", "starttls", "none", "outbox"])
async def way(request: pytest.FixtureRequest, tmp_path: Path, certificate: Certificate) -> AsyncGenerator[Way]:
    if request.param == "outbox":
        folder = tmp_path / "mails"

        def found() -> list[EmailMessage]:
            return [message_from_bytes(path.read_bytes(), policy=default) for path in sorted(folder.glob("*.eml"))]

        yield Way(OutboxMailer(folder, SENDER), found)
        return
    postbox = Postbox()
    async with serving(postbox, request.param, certificate) as server:
        yield Way(SmtpMailer(server, SENDER, cert_bundle=certificate.file), postbox.mails)
        assert set(postbox.secure) <= {request.param != "none"}


def message(subject: str = "Hello", text: str = "Text\n", html: str = "<p>HTML</p>") -> Message:
    return Message(new_id("mail"), "ann@example.org", subject, text, html)


async def test_every_template_arrives_whole(way: Way) -> None:
    for template in sorted(VALUES):
        values = {name: f"{name} <&> ü" for name in VALUES[template]}
        made = mail.render(template, values)
        await way.mailer.send(message(made.subject, made.text, made.html))
        read = way.mails()[-1]
        assert (read["Subject"], read["To"], read["From"]) == (made.subject, "ann@example.org", SENDER)
        text, html = (part.get_content() for part in read.iter_parts())
        assert text.replace("\r\n", "\n") == made.text
        assert html.replace("\r\n", "\n").strip() == made.html.strip()
    assert len(way.mails()) == len(VALUES)


async def test_nothing_that_people_type_becomes_a_header_a_command_or_a_tag(way: Way) -> None:
    for template in sorted(VALUES):
        made = mail.render(template, dict.fromkeys(VALUES[template], HOSTILE))
        await way.mailer.send(message(made.subject, made.text, made.html))
    assert len(way.mails()) == len(VALUES)
    for read in way.mails():
        assert "Bcc" not in read
        assert "<script" not in str(read.get_body(("html",)))


async def test_lines_of_a_dot_and_long_lines_arrive(way: Way) -> None:
    text = ".\n..\n" + "x" * 3000 + "\nend\n"
    await way.mailer.send(message(text=text))
    body = way.mails()[0].get_body(("plain",))
    assert body is not None
    assert body.get_content().replace("\r\n", "\n") == text


async def test_the_address_that_ends_such_mails_arrives_whole(way: Way) -> None:
    end = "https://video.example.org/a/rather/long/path/account/unsubscribe?token=person_1.job_failed." + "Ab9-" * 30
    await way.mailer.send(replace(message(), unsubscribe=end))
    read = way.mails()[0]
    assert read["List-Unsubscribe-Post"] == "List-Unsubscribe=One-Click"
    assert dict(read.raw_items())["List-Unsubscribe"] == f"<{end}>", "neither folded nor encoded"
    await way.mailer.send(replace(message(), unsubscribe="http://127.0.0.1/x"))
    assert "List-Unsubscribe-Post" not in way.mails()[-1], "one click wants TLS"
    await way.mailer.send(message())
    assert "List-Unsubscribe" not in way.mails()[-1]


async def test_the_same_message_has_the_same_id(way: Way) -> None:
    sent = message()
    for _ in range(2):
        await way.mailer.send(sent)
    assert {read["Message-ID"] for read in way.mails()} == {f"<{sent.id}@example.org>"}


async def error_of(mailer: Mailer) -> VidComputeError:
    with pytest.raises(VidComputeError) as told:
        await mailer.send(message())
    return told.value


@pytest.mark.parametrize(
    ("refuse", "code"),
    [("550 No such user", "mail_refused"), ("450 Busy", "mail_unavailable"), ("421 Going down", "mail_unavailable")],
)
async def test_a_refusal_is_for_good_or_for_now(certificate: Certificate, refuse: str, code: str) -> None:
    async with serving(Postbox(refuse=refuse), "tls", certificate) as server:
        error = await error_of(SmtpMailer(server, SENDER, cert_bundle=certificate.file))
    assert error.code == code
    assert error.kind.retryable == (code == "mail_unavailable")


async def test_a_server_is_not_trusted_without_a_certificate_and_never_told_a_password_in_the_clear(
    certificate: Certificate,
) -> None:
    for security in get_args(Security)[:2]:
        postbox = Postbox()
        async with serving(postbox, security, certificate) as server:
            error = await error_of(SmtpMailer(server, SENDER))
        assert (error.code, error.kind) == ("mail_unavailable", Kind.UNAVAILABLE)
        assert postbox.users == []
    plain = Postbox()
    async with serving(plain, "none", certificate) as server:  # which has no STARTTLS, as after an attack
        wanted = replace(server, security="starttls", username="ann", password="secret")
        error = await error_of(SmtpMailer(wanted, SENDER, cert_bundle=certificate.file))
    assert error.code == "mail_unavailable"
    assert (plain.users, plain.envelopes) == ([], [])
    assert "secret" not in error.detail


async def test_a_wrong_password_is_for_the_operator_to_mend(certificate: Certificate) -> None:
    async with serving(Postbox(), "tls", certificate) as server:
        wrong = replace(server, password="wrong")
        error = await error_of(SmtpMailer(wrong, SENDER, cert_bundle=certificate.file))
    assert (error.code, error.kind) == ("mail_unavailable", Kind.UNAVAILABLE)
    assert "535" in error.detail


async def test_where_nobody_is_the_mail_waits() -> None:
    assert (await error_of(SmtpMailer(SmtpServer("127.0.0.1", 9, "none"), SENDER))).code == "mail_unavailable"


@pytest.mark.parametrize(
    ("url", "server"),
    [
        ("smtps://ann%40x.org:p%20w@mail.test", SmtpServer("mail.test", 465, "tls", "ann@x.org", "p w")),
        ("smtp://mail.test:2525", SmtpServer("mail.test", 2525, "starttls")),
        ("smtp+plain://127.0.0.1", SmtpServer("127.0.0.1", 25, "none")),
    ],
)
def test_a_server_is_named_by_a_url(url: str, server: SmtpServer) -> None:
    assert SmtpServer.parse(url) == server
    assert "p w" not in repr(server)


@pytest.mark.parametrize(
    "url", ["", "mail.test", "http://mail.test", "smtp://", "smtp://u@h", "smtp://h:x", "smtp://h/x"]
)
def test_a_url_of_another_form_is_told_without_what_it_says(url: str) -> None:
    with pytest.raises(VidComputeError, match="smtp_url"):
        SmtpServer.parse(url)


async def test_the_outbox_keeps_the_newest(tmp_path: Path) -> None:
    mailer = OutboxMailer(tmp_path / "mails", SENDER)
    for number in range(1005):
        (tmp_path / "mails").mkdir(exist_ok=True)
        (tmp_path / "mails" / f"mail_{number:026}.eml").write_bytes(b"")
    await mailer.send(message())
    assert len(list((tmp_path / "mails").glob("mail_*.eml"))) == 1000
    assert (tmp_path / "mails" / f"mail_{1004:026}.eml").exists()
    newest = max((tmp_path / "mails").glob("mail_*.eml"))
    assert newest.stat().st_mode & 0o777 == 0o600


# -- the leader's part ---------------------------------------------------------------------------------------------


@asynccontextmanager
async def mailing(db: Database, mailer: Mailer, clock: Callable[[], int] = outbox.now_ms) -> AsyncGenerator[Heard]:
    lead, heard = Leading(db, "one", lease_s=60.0), Heard()
    assert await lead.take() is None
    task = asyncio.create_task(Mailing(db, mailer, clock=clock, outcomes=heard).run(lead))
    try:
        yield heard
    finally:
        task.cancel()
        await asyncio.gather(task, return_exceptions=True)


def queue(conn: Connection, name: str = "Ann") -> str:
    values = {"name": name, "link": "https://video.test/x", "valid_for": "an hour"}
    return mail.queue(conn, Mail("ann@example.org", "reset", values))


async def test_what_is_queued_is_sent_and_what_was_queued_before_as_well(
    sqlite_url: str, certificate: Certificate
) -> None:
    db = Database.open(sqlite_url)
    postbox = Postbox()
    async with serving(postbox, "tls", certificate) as server:
        await db.write(queue, "Before")
        async with mailing(db, SmtpMailer(server, SENDER, cert_bundle=certificate.file)):
            await eventually(lambda: len(postbox.envelopes) == 1)
            for number in range(9):
                await db.write(queue, f"Name {number}")
            await eventually(lambda: len(postbox.envelopes) == 10)
    texts = sorted(str(read.get_body(("plain",))) for read in postbox.mails())
    assert len(set(texts)) == 10
    await db.close()


async def test_a_server_that_was_away_gets_it_when_it_is_back(sqlite_url: str, certificate: Certificate) -> None:
    db = Database.open(sqlite_url)
    clock = [outbox.now_ms() + 60_000]  # what is queued is due by it
    postbox = Postbox(refuse="451 Later")
    async with (
        serving(postbox, "tls", certificate) as server,
        mailing(db, SmtpMailer(server, SENDER, cert_bundle=certificate.file), lambda: clock[0]) as heard,
    ):
        await db.write(queue)
        await eventually(lambda: heard.told == [("mail", "reset", "postponed")])
        postbox.refuse = ""
        clock[0] += 2 * 60_000
        await db.write(outbox.wake)
        await eventually(lambda: heard.told == [("mail", "reset", "postponed"), ("mail", "reset", "sent")])
    assert len(postbox.envelopes) == 1
    await db.close()
