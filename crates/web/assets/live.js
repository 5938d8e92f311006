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

  // Every text becomes text: nothing that comes is read as HTML.
  const make = (name, css, ...children) => {
    const element = document.createElement(name);
    if (css) element.className = css;
    element.append(...children.filter((child) => child !== null && child !== undefined));
    return element;
  };
  const small = (text) => (text ? make("div", "muted small", text) : null);
  const chip = ([css, word]) => make("span", css, word);

  function row(data) {
    const link = make("a", "", data.name);
    link.href = data.href;
    const subject = make("th", "", make("span", "subject", link, make("span", "muted small", data.what)));
    subject.scope = "row";
    const time = make("time", "", make("span", "nowrap", data.day), " ", make("span", "muted small", data.clock));
    time.dateTime = data.time;
    return make("tr", "", subject,
      make("td", "", chip(data.answer), " ", data.why, ...data.images.map(small)),
      make("td", "", data.user),
      make("td", "", data.place, small(data.environment)),
      make("td", "", chip(data.server), small(data.by)),
      make("td", "", time, make("div", "muted small nowrap", data.entry)));
  }

  const source = new EventSource(table.dataset.live);
  source.onopen = () => say("Live: what comes is shown as it comes.");
  source.onerror = () => say(source.readyState === EventSource.CLOSED ? "Not live. Load the page again for what is new." : "Connecting again…");
  source.onmessage = (event) => {
    body.prepend(row(JSON.parse(event.data)));
    while (body.rows.length > most) body.deleteRow(-1);
  };
  addEventListener("pagehide", () => source.close());
})();
