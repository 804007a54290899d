"use strict";

// The secret of the link: taken from the address, and out of the browser's history.
const token = location.hash.slice(1);
const problem = new URLSearchParams(location.search).get("problem");
history.replaceState(null, "", location.pathname);

const lead = document.getElementById("lead");
const form = document.getElementById("form");
const fieldset = document.getElementById("fields");
const other = document.getElementById("other");
const elsewhere = document.getElementById("elsewhere");
const outcome = document.getElementById("outcome");

const EMAIL = { name: "email", label: "E-mail address", type: "email", autocomplete: "username" };
const NAME = { name: "name", label: "Your name", type: "text", autocomplete: "name" };
const PASSWORD = { name: "password", label: "Your password", type: "password", autocomplete: "current-password" };
const NEW_PASSWORD = { name: "password", label: "A new password", type: "password", autocomplete: "new-password" };
const CODE = { name: "code", label: "The code that the program shows", type: "text", autocomplete: "off" };

// What may go wrong at a provider, by the code that comes with the address.
const PROBLEMS = {
  account_wanted: "Nobody here has your address: ask for an invitation first.",
  domain_refused: "Addresses of your domain do not log in here.",
  email_not_proved: "The provider does not say that your e-mail address is yours; confirm it there first.",
  login_not_begun: "This log-in was not begun in this browser, was ended already, or took too long; begin anew.",
  provider_refused: "The provider did not log you in.",
  provider_unavailable: "The provider does not answer now; try again later.",
  too_many_attempts: "Too many tries; wait some minutes.",
};

async function request(path, options) {
  const answer = await fetch(`/api/v1/${path}`, options);
  const text = await answer.text();
  const told = text ? JSON.parse(text) : {};
  if (!answer.ok) {
    throw Object.assign(new Error(told.detail ?? "Something broke; try again."), { status: answer.status });
  }
  return told;
}

const ask = (path, body) =>
  request(path, { method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

function tell(text, bad = false) {
  outcome.textContent = text;
  outcome.className = bad ? "bad" : "";
}

function entry(field) {
  if (!field.choices) {
    const input = document.createElement("input");
    return Object.assign(input, { name: field.name, type: field.type, autocomplete: field.autocomplete });
  }
  const select = document.createElement("select");
  select.name = field.name;
  select.append(...field.choices.map(([value, text]) => new Option(text, value)));
  return select;
}

// One step: a text, fields, what the button does, and what is next: a text to end with, or another step.
function show(text, fields, label, send, next) {
  lead.textContent = text;
  const captions = fields.map((field) => {
    const caption = document.createElement("label");
    const input = entry(field);
    input.required = true;
    caption.append(field.label, input);
    return caption;
  });
  fieldset.replaceChildren(...captions);
  form.querySelector("button").textContent = label;
  other.hidden = true;
  elsewhere.hidden = true;
  form.hidden = false;
  form.onsubmit = (event) => {
    event.preventDefault();
    return step(() => send(Object.fromEntries(new FormData(form))), next);
  };
}

function showOther(label, send, next) {
  other.textContent = label;
  other.hidden = false;
  other.onclick = () => step(send, next);
}

async function step(send, next) {
  tell("");
  try {
    const found = await send();
    if (typeof next === "string") {
      form.hidden = true;
      tell(next);
    } else {
      await next(found);
    }
  } catch (error) {
    tell(error.message, true);
  }
}

const logIn = (email, password) => ask("login", { email, password, kind: "browser" });

async function me() {
  try {
    return await request("me");
  } catch (error) {
    if (error.status === 401) {
      return null;
    }
    throw error;
  }
}

async function offerProvider() {
  const { provider } = await request("ways-in");
  if (provider) {
    elsewhere.textContent = `Log in with ${provider}`;
    elsewhere.href = "/oauth/login";
    elsewhere.hidden = false;
  }
  if (problem) {
    tell(Object.hasOwn(PROBLEMS, problem) ? PROBLEMS[problem] : "This did not work; try again.", true);
  }
}

// The code of a program that waits while one logs in, which may lead elsewhere and back; null where none does.
const waiting = () => sessionStorage.getItem("device");

// A program waits with a code: who asks, and as whom it would be let in, is said before anything is allowed.
async function answerDevice(code, account) {
  const found = await ask("devices/view", { code });
  const minutes = Math.round((Date.now() - Date.parse(found.asked_at)) / 60_000);
  const when = minutes < 1 ? "just now" : `${minutes} min ago`;
  const text =
    `${found.agent}, at the address ${found.address}, asked ${when} to be let in as ${account.email}. ` +
    "Allow it only if you began this yourself.";
  const homes = account.organizations.map((home) => [home.organization_id, `${home.name} (${home.role})`]);
  const choice = { name: "organization_id", label: "It begins to work in", choices: homes };
  const allow = (values) => ask("devices/answer", { code, allow: true, ...values });
  show(text, homes.length ? [choice] : [], "Allow", allow, "Done: go back to the program.");
  showOther("Refuse", () => ask("devices/answer", { code, allow: false }), "Refused: nothing was let in.");
}

const pages = {
  async login() {
    const account = await me();
    if (account && waiting() !== null) {
      location.assign("device");
    } else if (account) {
      const text = `You are logged in as ${account.email}.`;
      show(text, [], "Log out", () => ask("logout", {}), () => location.reload());
    } else {
      const text = waiting() === null ? "Log in." : "A program asks to be let in. Log in first.";
      const send = ({ email, password }) => logIn(email, password);
      show(text, [EMAIL, PASSWORD], "Log in", send, pages.login);
      await offerProvider();
    }
  },
  async device() {
    const code = token || waiting() || "";
    const account = await me();
    if (!account) {
      sessionStorage.setItem("device", code);
      location.assign("login");
      return;
    }
    sessionStorage.removeItem("device");
    const type = () =>
      show(
        "A program asks to be let in.",
        [CODE],
        "Go on",
        async (typed) => typed,
        (typed) => answerDevice(typed.code, account),
      );
    if (!code) {
      type();
      return;
    }
    try {
      await answerDevice(code, account);
    } catch (error) {
      type();
      throw error;
    }
  },
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
