"use strict";

// The secret of the link: taken from the address, and out of the browser's history.
const token = location.hash.slice(1);
history.replaceState(null, "", location.pathname);

const lead = document.getElementById("lead");
const form = document.getElementById("form");
const outcome = document.getElementById("outcome");

const EMAIL = { name: "email", label: "E-mail address", type: "email", autocomplete: "username" };
const NAME = { name: "name", label: "Your name", type: "text", autocomplete: "name" };
const PASSWORD = { name: "password", label: "Your password", type: "password", autocomplete: "current-password" };
const NEW_PASSWORD = { name: "password", label: "A new password", type: "password", autocomplete: "new-password" };

async function ask(path, body) {
  const answer = await fetch(`/api/v1/${path}`, {
    method: "POST",
    headers: { "Content-Type": "application/json" },
    body: JSON.stringify(body),
  });
  const text = await answer.text();
  const told = text ? JSON.parse(text) : {};
  if (!answer.ok) {
    throw new Error(told.detail ?? "Something broke; try again.");
  }
  return told;
}

function tell(text, bad = false) {
  outcome.textContent = text;
  outcome.className = bad ? "bad" : "";
}

function show(text, fields, label, send, done) {
  lead.textContent = text;
  for (const field of fields) {
    const caption = document.createElement("label");
    const input = document.createElement("input");
    caption.append(field.label, input);
    Object.assign(input, { name: field.name, type: field.type, autocomplete: field.autocomplete, required: true });
    document.getElementById("fields").append(caption);
  }
  form.querySelector("button").textContent = label;
  form.hidden = false;
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    tell("");
    try {
      await send(Object.fromEntries(new FormData(form)));
      form.hidden = true;
      tell(done);
    } catch (error) {
      tell(error.message, true);
    }
  });
}

const logIn = (email, password) => ask("login", { email, password, kind: "browser" });

const pages = {
  async verify() {
    const send = ({ password }) => ask("verify-email", { token, password });
    show("Say your password to confirm this address.", [PASSWORD], "Confirm", send, "Done: you can log in now.");
  },
  async reset() {
    const send = ({ password }) => ask("reset-password", { token, password });
    show("Choose a new password.", [NEW_PASSWORD], "Set it", send, "Done: log in with the new password.");
  },
  async email() {
    const send = async ({ email, password }) => {
      await logIn(email, password);
      await ask("me/email/confirm", { token });
    };
    const text = "Log in with your present address to change it.";
    show(text, [EMAIL, PASSWORD], "Change it", send, "Done: this is your address now.");
  },
  async invitation() {
    const found = await ask("invitations/view", { token });
    const text = `Join ${found.organization} as ${found.role}, with the address ${found.email}.`;
    const joined = `You are a member of ${found.organization} now.`;
    if (found.registered) {
      const accept = async ({ password }) => {
        await logIn(found.email, password);
        await ask("invitations/accept", { token });
      };
      show(text, [PASSWORD], "Join", accept, joined);
    } else {
      const register = ({ name, password }) =>
        ask("register", { email: found.email, name, password, invitation: token });
      show(text, [NAME, NEW_PASSWORD], "Join", register, joined);
    }
  },
};

pages[location.pathname.split("/").pop()]().catch((error) => tell(error.message, true));
