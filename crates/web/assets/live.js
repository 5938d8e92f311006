// Puts requests at the top of the list as they come. Without it the page says how to load it again.
"use strict";

(() => {
  const table = document.querySelector("table[data-live]");
  const state = document.querySelector("[data-live-state]");
  if (!table || !state) return;
  // A page that is left open does not grow for ever.
  const most = 500;
  const body = table.tBodies[0];
  const said = document.createElement("span");
  const say = (text) => { said.textContent = text; };
  state.replaceChildren(said);

  const source = new EventSource(table.dataset.live);
  source.onopen = () => say("Live: what comes is shown as it comes.");
  source.onerror = () => say(source.readyState === EventSource.CLOSED ? "Not live. Load the page again for what is new." : "Connecting again…");
  source.onmessage = (event) => {
    // The server has made text of every text in it, as it does for the page.
    const parsed = new DOMParser().parseFromString(`<table><tbody>${JSON.parse(event.data)}</tbody></table>`, "text/html");
    const row = parsed.querySelector("tr");
    if (!row) return;
    body.prepend(document.adoptNode(row));
    while (body.rows.length > most) body.deleteRow(-1);
  };
  addEventListener("pagehide", () => source.close());
})();
