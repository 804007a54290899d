"""Mails in a real browser: what people typed is read as text, and does nothing."""

import pytest
from playwright.sync_api import Page

from vidcompute.services import mail
from vidcompute.services.mail import VALUES

HOSTILE = '"><script>document.title = "taken"</script><img src=x onerror=\'document.title = "taken"\'><b>bold</b>'


@pytest.mark.parametrize("template", sorted(VALUES))
def test_html_in_names_is_shown_as_it_was_typed(page: Page, template: str) -> None:
    values = {name: "https://video.test/x" if name == "link" else HOSTILE for name in VALUES[template]}
    page.set_content(mail.render(template, values).html)
    assert page.locator("script, img, body b:text-is('bold')").count() == 0
    shown = page.inner_text("body")
    assert "<script>document.title" in shown
    assert "<b>bold</b>" in shown
    assert page.title() != "taken"
    assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth"), "it runs out of the page"
    assert len(page.screenshot()) > 5000
