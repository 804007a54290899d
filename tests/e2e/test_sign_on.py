"""The button on the log-in page that leads to an OpenID Connect provider, in a real browser."""

from collections.abc import Callable

from playwright.sync_api import Page, expect

from tests.e2e.accounts import is_in
from tests.fixtures.platform import Server
from tests.fixtures.provider import CLIENT, SECRET, providing


def test_a_person_logs_in_at_the_provider_and_lets_a_program_in(
    start_server: Callable[..., Server], page: Page
) -> None:
    with providing() as provider:
        server = start_server(
            VIDCOMPUTE_OIDC_ISSUER=provider.issuer,
            VIDCOMPUTE_OIDC_CLIENT_ID=CLIENT,
            VIDCOMPUTE_OIDC_CLIENT_SECRET=SECRET,
            VIDCOMPUTE_OIDC_NAME="<b>Example</b>",
            VIDCOMPUTE_OIDC_PRIVATE_ADDRESSES="true",
        )
        page.goto(f"{server.url}/account/login")
        page.get_by_role("link", name="Log in with <b>Example</b>").click()
        expect(page.get_by_role("alert")).to_have_text("Nobody here has your address: ask for an invitation first.")
        assert "problem" not in page.url

        server.stop()
        open_to_all = {**server.environment, "VIDCOMPUTE_OIDC_REGISTRATION": "true"}
        server = start_server(data_dir=server.data_dir, **open_to_all)
        page.goto(f"{server.url}/account/device#BCDF-GHJK")
        page.get_by_role("link", name="Log in with <b>Example</b>").click()
        expect(page.get_by_role("alert")).to_contain_text("No program waits with this code")
        page.goto(f"{server.url}/account/login")
        is_in(page)
        page.get_by_role("button", name="You and this page").click()
        expect(page.get_by_text("ann@example.com")).to_be_visible()
