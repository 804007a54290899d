"use strict";

const query = location.search;
history.replaceState(null, "", location.pathname);

const outcome = document.getElementById("outcome");
const button = document.getElementById("end");

button.addEventListener("click", async () => {
  const answer = await fetch(`unsubscribe${query}`, { method: "POST" });
  const text = await answer.text();
  outcome.className = answer.ok ? "" : "bad";
  outcome.textContent = answer.ok ? text : JSON.parse(text).detail;
  button.hidden = answer.ok;
});
