// The page on which people look after the safety of their account.

import { APP_CODE, PASSWORD, ask, element, end, put, putBelow, request, show, showLinks, tell } from "./form.js";
import { passkeySection } from "./passkeys.js";

export async function security() {
  try {
    const found = await request("me/second-factor");
    const section = await passkeySection(security);
    const { items } = await request("organizations");
    const demanding = items.filter((home) => home.second_factor_required).map((home) => home.name);
    (found.on ? showOn : showOff)(found, demanding);
    put();
    putBelow(section);
    showLinks(["Your account", "me"]);
  } catch (error) {
    if (error.status !== 401) {
      throw error;
    }
    location.assign("login");
  }
}

function showOff(_found, demanding) {
  const text =
    "Your password alone opens your account. With an authenticator app on your phone, logging in takes a code as well." +
    (demanding.length ? ` Until you have one, you can do nothing in: ${demanding.join(", ")}.` : "");
  const send = ({ password }) => ask("me/second-factor", { current_password: password });
  show(text, [PASSWORD], "Set up an app", send, showEnrolment);
}

function showEnrolment({ secret, qr_svg }) {
  const picture = new DOMParser().parseFromString(qr_svg, "image/svg+xml").documentElement;
  picture.setAttribute("role", "img");
  picture.setAttribute("aria-label", "The key as a QR code");
  put(document.importNode(picture, true), element("p", "The key: ", element("code", secret)));
  const text = "Scan this with the app, or type the key into it. Then say the code that it shows.";
  const send = ({ code }) => ask("me/second-factor/confirm", { code });
  show(text, [APP_CODE], "Switch it on", send, showRecoveryCodes);
}

function showRecoveryCodes({ recovery_codes }) {
  end(
    "Keep these recovery codes where the phone is not. Each opens your account once in the place of the app's code. " +
      "They are not shown again.",
  );
  put(element("ul", ...recovery_codes.map((code) => element("li", element("code", code)))));
  tell("Done: logging in takes a code from now on.");
}

function showOn({ recovery_codes }, demanding) {
  const text =
    `Logging in takes a code of your app. You have ${recovery_codes} recovery codes left.` +
    (demanding.length ? ` Without it, you can do nothing in: ${demanding.join(", ")}.` : "");
  const send = ({ password, code }) => ask("me/second-factor/off", { current_password: password, code });
  show(text, [PASSWORD, APP_CODE], "Switch it off", send, "Done: your password alone opens your account now.");
}
