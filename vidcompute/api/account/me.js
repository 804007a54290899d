// One's own account: who one is here, where one is logged in, the mails that one gets, and the way out.

import { ask, button, element, request, tell } from "./form.js";

const account = document.getElementById("account");
const WORDS = { off: "no mail", own: "of what I began", all: "all" };

function fill(id, ...nodes) {
  document.getElementById(id).replaceChildren(...nodes);
}

function on(id, work) {
  const form = document.getElementById(id);
  form.addEventListener("submit", async (event) => {
    event.preventDefault();
    tell("");
    try {
      await work(Object.fromEntries(new FormData(form)), form);
    } catch (error) {
      tell(error.message, true);
    }
    scrollTo({ top: 0 }); // where the outcome stands
  });
}

function showOrganizations({ organizations }) {
  const lines = organizations.map(({ name, role, second_factor_required }) => {
    const demand = second_factor_required ? ", demands a second factor" : "";
    return element("li", element("span", `${name} (${role})${demand}`));
  });
  fill("organizations", ...(lines.length ? lines : [element("li", "None.")]));
}

async function showSessions() {
  const { items } = await request("me/sessions");
  const lines = items.map(({ id, agent, address, seen_at, current }) => {
    const what = `${agent || "A program"}, from ${address}, last used ${seen_at.slice(0, 10)}`;
    const end = async () => {
      await ask(`me/sessions/${id}`, undefined, "DELETE");
      await showSessions();
    };
    return element("li", element("span", what), current ? "this one" : button("End", end));
  });
  fill("sessions", ...lines);
}

function showMails(kinds) {
  const rows = kinds.filter((kind) => kind.choices.length > 0).map((kind) => {
    const options = kind.choices.map((choice) => new Option(WORDS[choice], choice, false, choice === kind.choice));
    const select = element("select", ...options);
    select.name = kind.kind;
    return element("label", kind.summary, " ", select);
  });
  fill("kinds", ...rows);
}

async function open() {
  try {
    const me = await request("me");
    document.getElementById("who").textContent = `${me.name}, ${me.email}`;
    showOrganizations(me);
    await showSessions();
    showMails((await request("me/mails")).items);
    account.hidden = false;
  } catch (error) {
    if (error.status !== 401) {
      throw error;
    }
    location.assign("login");
  }
}

on("mails", async (choices) => {
  showMails((await ask("me/mails", { choices }, "PATCH")).items);
  tell("Saved.");
});

on("password", async (both, form) => {
  await ask("me/password", both);
  form.reset();
  await showSessions();
  tell("Changed: you are logged in here alone now.");
});

on("email", async (wish, form) => {
  await ask("me/email", wish);
  form.reset();
  tell("Look into the new mailbox, and follow the link there.");
});

on("erase", async ({ email, current_password }) => {
  await ask("me/erase", { email, current_password: current_password || null });
  account.hidden = true;
  tell("Your account is erased.");
});

open().catch((error) => tell(error.message, true));
