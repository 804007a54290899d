"""Mails: made from templates that nothing can be injected into, queued with the work that wants them, tried again."""

from email import message_from_bytes
from email.policy import default

import pytest
from sqlalchemy import Connection

from tests.unit.engine.toys import ORG
from vidcompute.adapters.mail_message import compose, parse_sender
from vidcompute.db import outbox
from vidcompute.errors import Kind, VidComputeError, refused
from vidcompute.ports.mail import Message
from vidcompute.services import mail
from vidcompute.services.mail import VALUES, Mail, MailStatus
from vidcompute.services.mail.service import RETRY_AFTER_MS

LINK = "https://video.test/a?token=x&y=1"
HOSTILE = (
    'Eve</p><script>alert(1)</script><img src=x onerror=alert(2)>"\r\n'
    "Bcc: all@example.org\r\n\r\nBody\u202e\x00{{ 7*7 }}"
)
AWAY = VidComputeError(Kind.UNAVAILABLE, "mail_unavailable", "Not now.")


def filled(template: str, value: str) -> dict[str, str]:
    return {name: LINK if name == "link" else value for name in VALUES[template]}


@pytest.mark.parametrize("template", sorted(VALUES))
def test_each_template_says_all_that_it_is_given_in_text_and_html(template: str) -> None:
    values = {name: f"{name}-value" for name in VALUES[template]}
    made = mail.render(template, values)
    assert made.subject
    for value in values.values():
        assert value in made.subject + made.text
        assert value in made.html
    assert made.html.startswith("<!doctype html>")
    assert "{" not in made.subject + made.text + made.html


@pytest.mark.parametrize("template", sorted(VALUES))
def test_what_people_typed_stays_text(template: str) -> None:
    made = mail.render(template, filled(template, HOSTILE))
    assert "<script" not in made.html
    assert "<img" not in made.html
    assert "\n" not in made.subject
    assert "\r" not in made.text
    assert "\u202e" not in made.text + made.html + made.subject
    assert "49" not in made.text.replace(LINK, "")
    sent = compose(Message("mail_1", "ann@example.org", made.subject, made.text, made.html), parse_sender("a@b.org"))
    read = message_from_bytes(sent.as_bytes(), policy=default)
    assert set(read.keys()) == {
        *("From", "To", "Subject", "Date", "Message-ID", "Auto-Submitted", "MIME-Version", "Content-Type"),
    }
    assert read["To"] == "ann@example.org"


def test_a_subject_with_a_line_end_makes_no_header() -> None:
    message = Message("mail_1", "ann@example.org", "Hello\r\nBcc: all@example.org", "text", "<p>html</p>")
    with pytest.raises(ValueError, match=r"linefeed|newline|CR"):
        compose(message, parse_sender("a@b.org"))


def test_the_address_that_ends_such_mails_is_one_line_that_nothing_is_added_to() -> None:
    end = "https://video.test/account/unsubscribe?token=person_1.job_failed." + "x" * 200
    message = Message("mail_1", "ann@example.org", "Hello", "text", "<p>html</p>", end)
    lines = compose(message, parse_sender("a@b.org")).as_bytes().split(b"\r\n")
    assert f"List-Unsubscribe: <{end}>".encode() in lines
    assert b"List-Unsubscribe-Post: List-Unsubscribe=One-Click" in lines
    hostile = Message("mail_1", "ann@example.org", "Hello", "text", "<p>html</p>", end + ">\r\nBcc: all@example.org")
    with pytest.raises(ValueError, match=r"linefeed|newline|CR"):
        compose(hostile, parse_sender("a@b.org"))


def test_a_mail_that_one_may_end_says_how_in_text_and_html() -> None:
    end = "https://video.test/account/unsubscribe?token=x"
    made = mail.render("job_failed", filled("job_failed", "x"), end)
    assert made.text.endswith(f"No more mails of this kind: {end}\n")
    assert f'<a href="{end}">' in made.html
    assert "No more mails" not in mail.render("reset", filled("reset", "x")).html


def test_a_message_is_both_kinds_with_an_id_of_its_own() -> None:
    sent = compose(
        Message("mail_1", "ann@example.org", "Grüße 🎬", "Grüße\n", "<p>Grüße</p>"), parse_sender("V <a@b.org>")
    )
    read = message_from_bytes(sent.as_bytes(), policy=default)
    assert (read["Subject"], read["From"], read["Message-ID"]) == ("Grüße 🎬", "V <a@b.org>", "<mail_1@b.org>")
    assert read["Auto-Submitted"] == "auto-generated"
    assert [part.get_content().strip() for part in read.iter_parts()] == ["Grüße", "<p>Grüße</p>"]


@pytest.mark.parametrize("sender", ["", "nobody", "a@b@c", "@b.org", "a@", "a@b.org\nBcc: x@y.org"])
def test_a_sender_that_is_none_is_refused_by_the_name_of_the_setting(sender: str) -> None:
    with pytest.raises(VidComputeError, match="mail_from"):
        parse_sender(sender)


@pytest.mark.parametrize(
    "address",
    [
        "",
        "ann",
        "ann@",
        "@example.org",
        "ann@example.org\r\nBcc: all@example.org",
        "Ann <ann@example.org>",
        "ann@example.org, bob@example.org",
        "ann@exa mple.org",
        "a" * 310 + "@example.org",
    ],
)
def test_an_address_that_is_none_is_refused(conn: Connection, address: str) -> None:
    with pytest.raises(VidComputeError, match="mail_address_invalid"):
        mail.queue(conn, Mail(address, "reset", filled("reset", "x")))


def test_a_template_gets_exactly_what_it_wants(conn: Connection) -> None:
    with pytest.raises(ValueError, match="reset"):
        mail.queue(conn, Mail("ann@example.org", "reset", {"name": "Ann"}))
    with pytest.raises(KeyError):
        mail.queue(conn, Mail("ann@example.org", "unheard_of", {}))


def queued(conn: Connection) -> str:
    return mail.queue(conn, Mail("ann@example.org", "quota_near", filled("quota_near", "x"), ORG))


def logged(conn: Connection) -> mail.LoggedMail:
    (found,) = mail.list_mails(conn, ORG, limit=10, cursor=None).items
    return found


def test_what_is_undone_is_not_sent(conn: Connection) -> None:
    with conn.begin_nested() as part:
        queued(conn)
        part.rollback()
    assert mail.due(conn, outbox.now_ms(), 10) == []
    assert mail.next_due_ms(conn) is None


def test_what_was_sent_is_logged_and_what_it_said_is_forgotten(conn: Connection) -> None:
    mail_id = queued(conn)
    (item,) = mail.due(conn, outbox.now_ms(), 10)
    assert (item.id, item.values["limit"]) == (mail_id, "x")
    mail.record_sent(conn, mail_id, outbox.now_ms())
    assert mail.due(conn, 2**62, 10) == []
    assert (logged(conn).status, logged(conn).attempts, logged(conn).next_ms) == (MailStatus.SENT, 1, None)
    assert conn.exec_driver_sql('SELECT "values" FROM mails').scalar() is None


def test_a_server_that_is_away_is_tried_again_for_days(conn: Connection) -> None:
    mail_id, at_ms = queued(conn), outbox.now_ms()
    for wait_ms in RETRY_AFTER_MS:
        mail.record_failure(conn, mail_id, AWAY, at_ms)
        assert mail.due(conn, at_ms + wait_ms - 1, 10) == []
        next_ms = mail.next_due_ms(conn)
        assert next_ms is not None
        assert at_ms + wait_ms <= next_ms <= at_ms + 1.1 * wait_ms + 1
        assert logged(conn).error_code == "mail_unavailable"
        at_ms = next_ms
    mail.record_failure(conn, mail_id, AWAY, at_ms)
    assert (logged(conn).status, logged(conn).attempts) == (MailStatus.FAILED, len(RETRY_AFTER_MS) + 1)


def test_what_is_refused_for_good_is_not_tried_again(conn: Connection) -> None:
    mail.record_failure(conn, queued(conn), refused("mail_refused", "No such user."), 5)
    assert (logged(conn).status, logged(conn).error_detail, logged(conn).ended_ms) == ("failed", "No such user.", 5)


def test_the_log_is_of_one_organization_and_not_for_ever(conn: Connection) -> None:
    queued(conn)
    mail.queue(conn, Mail("bob@example.org", "reset", filled("reset", "x")))
    assert logged(conn).recipient == "ann@example.org"
    assert mail.list_mails(conn, "org_other", limit=10, cursor=None).items == ()
    assert mail.purge(conn, outbox.now_ms() - 1000) == 0
    assert mail.purge(conn, outbox.now_ms() + 1000) == 2
