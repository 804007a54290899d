// The pages that links in mails lead to, those to log in and to let programs in, and which of them this is.

import {
  EMAIL,
  NAME,
  NEW_PASSWORD,
  PASSWORD,
  ask,
  button,
  end,
  finishLogIn,
  logIn,
  logInNext,
  put,
  request,
  show,
  showLinks,
  showOther,
  tell,
} from "./form.js";
import { logInByPasskey, takesPasskeys } from "./passkeys.js";
import { security } from "./security.js";

// The secret of the link: taken from the address, and out of the browser's history.
const token = location.hash.slice(1);
const problem = new URLSearchParams(location.search).get("problem");
history.replaceState(null, "", location.pathname);
addEventListener("hashchange", () => location.reload()); // another link, opened on this very page

const TITLES = {
  login: "Log in",
  register: "Register",
  forgot: "A forgotten password",
  security: "Security",
  device: "Let a program in",
  verify: "Confirm your address",
  reset: "A new password",
  email: "A new address",
  invitation: "An invitation",
};

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

async function offerOtherWays() {
  const { provider, registration } = await request("ways-in");
  const ways = [["Forgot your password?", "forgot"]];
  if (registration === "open") {
    ways.push(["Register", "register"]);
  }
  if (provider) {
    ways.push([`Log in with ${provider}`, "/oauth/login"]);
  }
  showLinks(...ways);
  if (problem) {
    tell(Object.hasOwn(PROBLEMS, problem) ? PROBLEMS[problem] : "This did not work; try again.", true);
  }
}

// Who has still to confirm the address may have the link once more.
async function logInOrVerify({ email, password }) {
  try {
    return await logIn(email, password);
  } catch (error) {
    if (error.code === "email_unverified") {
      showLinks(["Send the link again", "verify"]);
    }
    throw error;
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
  security,
  async login() {
    put();
    const account = await me();
    if (account && waiting() !== null) {
      location.assign("device");
    } else if (token && !account) {
      finishLogIn(token).then(pages.login); // who came back from a provider, and has a code to say
    } else if (account) {
      document.getElementById("title").textContent = "Logged in";
      const text = `You are logged in as ${account.email}.`;
      show(text, [], "Log out", () => ask("logout", {}), () => location.reload());
      put(
        button("Your account", () => location.assign("me")),
        button("Security", () => location.assign("security")),
        button("Dashboard", () => location.assign("/dashboard")),
      );
    } else {
      const text = waiting() === null ? "" : "A program asks to be let in. Log in first.";
      if (await takesPasskeys()) {
        put(button("Use a passkey", () => logInByPasskey().then(pages.login)));
      }
      show(text, [EMAIL, PASSWORD], "Log in", logInOrVerify, pages.login);
      await offerOtherWays();
    }
  },
  async register() {
    const { registration, shortest_password } = await request("ways-in");
    if (registration !== "open") {
      end(registration === "closed" ? "Nobody can register here." : "One comes in here by invitation only.");
      showLinks(["Log in", "login"]);
      return;
    }
    const sent = () => {
      end("Look into your mailbox: the link there, and your password, open your account.");
      showLinks(["Send the link again", "verify"], ["Log in", "login"]);
    };
    const text = `Choose a password of ${shortest_password} characters or more.`;
    show(text, [NAME, EMAIL, NEW_PASSWORD], "Register", (wish) => ask("register", wish), sent);
    showLinks(["Log in", "login"]);
  },
  async forgot() {
    const sent = () => logInNext("If there is an account of this address, a mail is on its way to it.");
    const text = "A link that sets a new password comes by mail.";
    show(text, [EMAIL], "Send it", (wish) => ask("forgot-password", wish), sent);
    showLinks(["Log in", "login"]);
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
    if (!token) {
      const sent = () => logInNext("If an account of this address waits for it, the link is on its way.");
      const text = "The link that confirms your address comes by mail once more.";
      show(text, [EMAIL], "Send it", (wish) => ask("verify-email/again", wish), sent);
      return;
    }
    const send = ({ password }) => ask("verify-email", { token, password });
    const done = () => logInNext("Done: you can log in now.");
    show("Say your password to confirm this address.", [PASSWORD], "Confirm", send, done);
  },
  async reset() {
    const send = ({ password }) => ask("reset-password", { token, password });
    const done = () => logInNext("Done: log in with the new password.");
    show("Choose a new password.", [NEW_PASSWORD], "Set it", send, done);
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

const page = location.pathname.split("/").pop();
document.getElementById("title").textContent = TITLES[page];
document.title = `${TITLES[page]} · VidCompute`;
pages[page]().catch((error) => tell(error.message, true));
