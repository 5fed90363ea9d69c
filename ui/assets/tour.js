/* The tour: six steps over the pages, in a panel that covers nothing. What was seen is kept in this browser. */
(function () {
  "use strict";
  const KEY = "joulecast-tour";
  const STEPS = [
    ["/", "What is true now", "Power ratio, IT and cooling power, and the warmest rack. Every number says whether it " +
      "is measured, modelled, forecast or assumed, and when; one that is dead shows a dash and the reason."],
    ["/forecast", "What is to come", "The forecast as a fan with its bands, and how right it has been so far against " +
      "a naive line."],
    ["/recommendations", "What to do", "The card says what to change, what it saves and risks and why. Nothing is " +
      "written before somebody accepts it by name, unless the site has approved limits for that; HOLD EVERYTHING, on top of every page, stops all of it."],
    ["/replay", "What would have been", "A past day through the twin: as it was, and with other setpoints."],
    ["/quality", "Whether the data can be trusted", "Every sensor with its age, its gaps and what is wrong with it, and " +
      "the messages that could not be read."],
    ["/connect", "Your first sensor", "Listen to the broker, choose a topic, say which point it is; the value in its " +
      "stored unit shows at once, and the mapping is written into site.toml."],
  ];
  const get = () => { try { return localStorage.getItem(KEY); } catch (e) { return "done"; } };
  const put = (value) => { try { localStorage.setItem(KEY, value); } catch (e) { /* a browser that keeps nothing */ } };
  const make = (type, text, press) => {
    const found = document.createElement(type);
    found.textContent = text;
    if (press) { found.type = "button"; found.className = "btn small"; found.addEventListener("click", press); }
    return found;
  };
  const go = (path) => {
    if (window.location.pathname === path) { return; }
    const links = Array.from(document.querySelectorAll(".nav a"));
    const link = links.find((one) => new URL(one.href).pathname === path);
    if (link) { link.click(); } else { window.location.assign(path); }
  };
  const end = () => { put("done"); draw(); };
  const step = (index) => { put(String(index)); go(STEPS[index][0]); draw(true); };

  const draw = (focused) => {
    const panel = document.getElementById("tour");
    if (!panel) { return; }
    const state = get();
    const index = state === null || state === "done" ? -1 : Number(state);
    const offered = state === null && panel.dataset.offer === "yes" && window.location.pathname === "/";
    panel.hidden = !offered && !STEPS[index];
    if (panel.dataset.drawn === `${state} ${offered}`) { return; }
    panel.dataset.drawn = `${state} ${offered}`;
    panel.replaceChildren();
    if (offered) {
      panel.append(make("p", "New here? Six steps show where everything is."), make("button", "Start the tour", () => step(0)),
        make("button", "No, thank you", end));
    } else if (STEPS[index]) {
      const [, title, text] = STEPS[index];
      const head = make("h2", `Tour, ${index + 1} of ${STEPS.length}: ${title}`);
      head.tabIndex = -1;
      panel.append(head, make("p", text));
      if (index > 0) { panel.append(make("button", "Back", () => step(index - 1))); }
      if (index < STEPS.length - 1) { panel.append(make("button", "Next", () => step(index + 1))); }
      panel.append(make("button", index < STEPS.length - 1 ? "End the tour" : "Done", end));
      if (focused) { head.focus(); }
    }
  };
  document.addEventListener("keydown", (event) => {
    const panel = document.getElementById("tour");
    if (event.key === "Escape" && panel && panel.contains(document.activeElement)) { end(); }
  });
  document.addEventListener("click", (event) => {
    if (event.target.id === "tour-start") { step(0); }
  });
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    tour: { looked: function () { draw(); return window.dash_clientside.no_update; } },
  });
})();
