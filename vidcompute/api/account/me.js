"use strict";

const outcome = document.getElementById("outcome");
const login = document.getElementById("login");
const account = document.getElementById("account");
const WORDS = { off: "no mail", own: "of what I began", all: "all" };

async function ask(method, path, body) {
  const sent = body === undefined ? {} : { headers: { "Content-Type": "application/json" }, body: JSON.stringify(body) };
  const answer = await fetch(`../api/v1/${path}`, { method, ...sent });
  const text = await answer.text();
  const told = text ? JSON.parse(text) : {};
  if (!answer.ok) {
    throw Object.assign(new Error(told.detail ?? "Something broke; try again."), { status: answer.status });
  }
  return told;
}

function tell(text, bad = false) {
  outcome.textContent = text;
  outcome.className = bad ? "bad" : "";
}

function on(form, work) {
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    tell("");
    try {
      await work(Object.fromEntries(new FormData(form)));
    } catch (error) {
      tell(error.message, true);
    }
  });
}

function show(kinds) {
  const rows = kinds.filter((kind) => kind.choices.length > 0).map((kind) => {
    const caption = document.createElement("label");
    const select = document.createElement("select");
    select.name = kind.kind;
    for (const choice of kind.choices) {
      select.append(new Option(WORDS[choice], choice, false, choice === kind.choice));
    }
    caption.append(kind.summary, " ", select);
    return caption;
  });
  document.getElementById("kinds").replaceChildren(...rows);
}

async function open() {
  try {
    const me = await ask("GET", "me");
    document.getElementById("who").textContent = `${me.name}, ${me.email}`;
    show((await ask("GET", "me/mails")).items);
    login.hidden = true;
    account.hidden = false;
  } catch (error) {
    if (error.status !== 401) {
      throw error;
    }
    login.hidden = false;
  }
}

on(login, async ({ email, password }) => {
  await ask("POST", "login", { email, password, kind: "browser" });
  await open();
});

on(document.getElementById("mails"), async (choices) => {
  show((await ask("PATCH", "me/mails", { choices })).items);
  tell("Saved.");
});

on(document.getElementById("erase"), async ({ email, current_password }) => {
  await ask("POST", "me/erase", { email, current_password: current_password || null });
  account.hidden = true;
  tell("Your account is erased.");
});

open().catch((error) => tell(error.message, true));
