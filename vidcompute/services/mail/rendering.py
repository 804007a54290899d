"""From a template and its values to a mail's subject, text and HTML.

Values are what people typed: each becomes one line of printable text, and HTML escapes it. A template `NAME.txt` begins
with the subject's line; `NAME.html` is the same for programs that show HTML.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from jinja2 import Environment

_FOLDER = Path(__file__).parent / "templates"
_LONGEST_VALUE = 500
_LONGEST_LINK = 4000

VALUES: Mapping[str, frozenset[str]] = {
    "account_changed": frozenset({"name", "change"}),
    "welcome": frozenset({"name", "link"}),
    "verify": frozenset({"name", "link", "valid_for"}),
    "reset": frozenset({"name", "link", "valid_for"}),
    "invitation": frozenset({"inviter", "organization", "role", "link", "valid_for"}),
    "job_finished": frozenset({"title", "organization", "link"}),
    "job_failed": frozenset({"title", "organization", "reason", "link"}),
    "endpoint_disabled": frozenset({"url", "organization", "reason"}),
    "quota_near": frozenset({"limit", "organization", "used", "most"}),
    "cleanup_report": frozenset({"organization", "outcome", "assets", "freed", "duration"}),
}
"""Every template, with the values that it wants."""


@dataclass(frozen=True)
class Rendered:
    """A mail as it is read; `subject` is one line."""

    subject: str
    text: str
    html: str


def render(template: str, values: Mapping[str, str], unsubscribe: str | None = None) -> Rendered:
    """Fill a template of VALUES with exactly the values that it wants, and say at its end how one ends such mails."""
    environment = _environment()
    lines = {name: _one_line(value, name) for name, value in values.items()}
    subject, _, text = environment.get_template(f"{template}.txt").render(lines).partition("\n")
    html = environment.get_template(f"{template}.html").render(lines, subject=subject, unsubscribe=unsubscribe)
    end = f"\n-- \nNo more mails of this kind: {unsubscribe}\n" if unsubscribe else ""
    return Rendered(subject.strip(), text.strip() + "\n" + end, html)


def _one_line(value: str, name: str) -> str:
    """Without line ends, control characters and marks that turn the direction of writing."""
    longest = _LONGEST_LINK if name == "link" else _LONGEST_VALUE
    printable = "".join(letter if letter.isprintable() else " " for letter in value)
    return " ".join(printable.split())[:longest]


@cache
def _environment() -> "Environment":
    from jinja2 import Environment, FileSystemLoader, StrictUndefined, select_autoescape

    return Environment(
        loader=FileSystemLoader(_FOLDER),
        autoescape=select_autoescape(("html",)),
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
    )
