// What all account pages are made of: one form at a time, and requests to the API.

const lead = document.getElementById("lead");
const extra = document.getElementById("extra");
const form = document.getElementById("form");
const fieldset = document.getElementById("fields");
const other = document.getElementById("other");
const below = document.getElementById("below");
const links = document.getElementById("links");
const outcome = document.getElementById("outcome");

export const EMAIL = { name: "email", label: "E-mail address", type: "email", autocomplete: "username" };
export const NAME = { name: "name", label: "Your name", type: "text", autocomplete: "name" };
export const PASSWORD = {
  name: "password",
  label: "Your password",
  type: "password",
  autocomplete: "current-password",
};
export const NEW_PASSWORD = {
  name: "password",
  label: "A new password",
  type: "password",
  autocomplete: "new-password",
};
export const APP_CODE = { name: "code", label: "A code of your app", type: "text", autocomplete: "one-time-code" };

/** Ask the API; what it answers. An error has the status, the code and the ticket of the problem. */
export async function request(path, options) {
  const answer = await fetch(`/api/v1/${path}`, options);
  const text = await answer.text();
  const told = text ? JSON.parse(text) : {};
  if (!answer.ok) {
    const { code, ticket } = told;
    throw Object.assign(new Error(told.detail ?? "Something broke; try again."), {
      status: answer.status,
      code,
      ticket,
    });
  }
  return told;
}

export const ask = (path, body, method = "POST") =>
  request(path, { method, headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) });

export function tell(text, bad = false) {
  outcome.textContent = text;
  outcome.className = bad ? "bad" : "";
}

/** Nodes between the text and the form, in the place of those that were there. */
export function put(...nodes) {
  extra.replaceChildren(...nodes);
}

/** Nodes below the form, until another step is shown. */
export function putBelow(...nodes) {
  below.replaceChildren(...nodes);
}

export function element(name, ...content) {
  const made = document.createElement(name);
  made.append(...content);
  return made;
}

/** A button beside the form; what it does may fail. */
export function button(label, act) {
  const made = element("button", label);
  made.type = "button";
  made.onclick = () => step(act, () => {});
  return made;
}

function entry(field) {
  if (!field.choices) {
    const { name, type, autocomplete } = field;
    return Object.assign(element("input"), { name, type, autocomplete });
  }
  const select = element("select", ...field.choices.map(([value, text]) => new Option(text, value)));
  select.name = field.name;
  return select;
}

/** One step: a text, fields, what the button does, and what is next: a text to end with, or another step. */
export function show(text, fields, label, send, next) {
  lead.textContent = text;
  const captions = fields.map((field) => {
    const input = entry(field);
    input.required = true;
    return element("label", field.label, input);
  });
  fieldset.replaceChildren(...captions);
  form.querySelector("button").textContent = label;
  other.hidden = true;
  links.hidden = true;
  below.replaceChildren();
  form.hidden = false;
  form.onsubmit = (event) => {
    event.preventDefault();
    return step(() => send(Object.fromEntries(new FormData(form))), next);
  };
}

/** A second button of the form. */
export function showOther(label, send, next) {
  other.textContent = label;
  other.hidden = false;
  other.onclick = () => step(send, next);
}

/** Other ways: texts with addresses. */
export function showLinks(...ways) {
  links.replaceChildren(...ways.map(([text, href]) => Object.assign(element("a", text), { href })));
  links.hidden = false;
}

/** The end: a text in the place of the form. */
export function end(text) {
  lead.textContent = text;
  form.hidden = true;
  below.replaceChildren();
}

/** The end of something after which one logs in. */
export function logInNext(text) {
  end("");
  tell(text);
  showLinks(["Log in", "login"]);
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

/** Log in; where a code is asked for beside the password, by another form. */
export async function logIn(email, password) {
  try {
    return await ask("login", { email, password, kind: "browser" });
  } catch (error) {
    if (error.code !== "second_factor_wanted") {
      throw error;
    }
    return finishLogIn(error.ticket);
  }
}

/** Ask for the code that a log-in waits for. */
export function finishLogIn(ticket) {
  const send = ({ code }) => ask("login/second-factor", { ticket, code, kind: "browser" });
  const text = "Now a code that your app shows, or one of your recovery codes.";
  return new Promise((resolve) => show(text, [APP_CODE], "Go on", send, resolve));
}
