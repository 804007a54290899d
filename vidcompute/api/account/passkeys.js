// Passkeys: keys that a device keeps, and uses for who it has recognised.

import { PASSWORD, ask, button, element, request, show } from "./form.js";

const PASSKEY_NAME = { name: "name", label: "What to call it", type: "text", autocomplete: "off" };

/** Whether this browser and this server make passkeys. */
export async function takesPasskeys() {
  return "PublicKeyCredential" in window && (await request("ways-in")).passkeys;
}

export async function logInByPasskey() {
  const { options } = await ask("login/passkey/options");
  const publicKey = PublicKeyCredential.parseRequestOptionsFromJSON(options);
  const answer = await navigator.credentials.get({ publicKey });
  return ask("login/passkey", { credential: answer.toJSON(), kind: "browser" });
}

async function add({ name, password }) {
  const { options } = await ask("me/passkeys/options", { current_password: password });
  const publicKey = PublicKeyCredential.parseCreationOptionsFromJSON(options);
  const answer = await navigator.credentials.create({ publicKey });
  return ask("me/passkeys", { name, credential: answer.toJSON() });
}

/** The part of the page that lists passkeys; `renew` shows what has come of a change. */
export async function passkeySection(renew) {
  const { items } = await request("me/passkeys");
  const lines = items.map((passkey) => {
    const used = passkey.used_at ? `last used ${passkey.used_at.slice(0, 10)}` : "never used";
    return element("li", element("span", `${passkey.name} (${used})`), renaming(passkey, renew), removing(passkey, renew));
  });
  const section = element("section", element("h2", "Passkeys"), element("ul", ...lines));
  if (await takesPasskeys()) {
    const text = "Name the passkey; then your device asks who you are.";
    const form = () => show(text, [PASSKEY_NAME, PASSWORD], "Add it", add, renew);
    section.append(button("Add a passkey", form));
  }
  return section;
}

function renaming(passkey, renew) {
  const send = ({ name }) => ask(`me/passkeys/${passkey.id}`, { name }, "PATCH");
  const form = () => show(`Name the passkey that is called ${passkey.name}.`, [PASSKEY_NAME], "Rename it", send, renew);
  return button("Rename", form);
}

function removing(passkey, renew) {
  return button("Remove", async () => {
    await ask(`me/passkeys/${passkey.id}`, undefined, "DELETE");
    await renew();
  });
}
