/* What runs in the browser without asking the server: the theme before the first paint, the staleness watchdog,
   and what the address holds. */
(function () {
  "use strict";
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const THEMES = ["auto", "light", "dark"];
  const kept = () => { try { return localStorage.getItem("joulecast-theme") || "auto"; } catch (e) { return "auto"; } };
  const paint = () => {
    const wanted = kept();
    const scheme = wanted === "auto" ? (dark.matches ? "dark" : "light") : wanted;
    if (root.getAttribute("data-mantine-color-scheme") !== scheme) {
      root.setAttribute("data-mantine-color-scheme", scheme);
    }
    root.setAttribute("data-ag-theme-mode", scheme);
  };
  paint();
  dark.addEventListener("change", paint);
  new MutationObserver(paint).observe(root, { attributes: true, attributeFilter: ["data-mantine-color-scheme"] });

  /* A server that no longer knows who asks answers 401: the page would look alive and be dead. */
  let signedOut = false;
  /* While the database is away nobody is known and a page that is opened stays empty: it is asked for once more. */
  let missed = false;
  const ask = window.fetch.bind(window);
  window.fetch = (what, how) => ask(what, how).then((answer) => {
    const url = typeof what === "string" ? what : what.url || "";
    if (url.indexOf("_dash-update-component") >= 0) {
      signedOut = answer.status === 401;
      if (answer.ok && missed && !document.querySelector("#page > *")) { window.location.reload(); }
      missed = answer.status === 503;
    }
    return answer;
  });
  let lastUser = null;

  const SILENT_AFTER_MS = 6000;
  const beat = { seq: null, at: performance.now() };
  const NUMBERS = /[0-9]+(\.[0-9]+)?/g;
  let said = "";

  /* The banner stays below the header, which is as high as its badges need. */
  const placed = () => {
    const head = document.querySelector(".head");
    if (head) { root.style.setProperty("--head", head.offsetHeight + "px"); }
  };

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    joulecast: {
      /* The time since the last answer, by a clock that nobody sets: neither the server's nor this machine's. */
      watch: function (_, told) {
        const now = performance.now();
        if (told && told.seq !== beat.seq) { beat.seq = told.seq; beat.at = now; }
        if (told && told.user) { lastUser = told.user; }
        const silent = now - beat.at;
        let text = "";
        if (signedOut || (told && lastUser && !told.user)) {
          text = "You have been signed out: reload the page and sign in again. The values on it are old.";
        } else if (silent > SILENT_AFTER_MS) {
          text = "No answer from the server for " + Math.round(silent / 1000) + " s: the values on this page are old.";
        } else if (told && told.stale) {
          text = told.stale;
        }
        document.body.classList.toggle("stale", signedOut || silent > SILENT_AFTER_MS);
        placed();
        /* Said aloud once, not again for every second that has passed. */
        const anew = text.replace(NUMBERS, "") !== said.replace(NUMBERS, "");
        said = text;
        return [text, anew ? text : window.dash_clientside.no_update];
      },
      /* The page that is looked at, and how: what every callback gets. */
      looked: function (path, search) { return { path: path || "/", search: search || "" }; },
      /* Time zone and units of the address, one further. */
      turned: function () {
        const told = window.dash_clientside.callback_context.triggered.find((t) => t.value);
        if (!told) { return window.dash_clientside.no_update; }
        const found = new URLSearchParams(window.location.search);
        if (told.prop_id.startsWith("units-next")) {
          return window.joulecastSearched({ units: found.get("units") === "ip" ? "" : "ip" });
        }
        const here = Intl.DateTimeFormat().resolvedOptions().timeZone;
        const choices = ["", "UTC"].concat(here && here !== "UTC" ? [here] : []);
        const at = choices.indexOf(found.get("tz") || "");
        return window.joulecastSearched({ tz: choices[(at + 1) % choices.length] });
      },
      /* On a narrow screen the pages are behind a button; choosing one folds them again. */
      menu: function () {
        const told = window.dash_clientside.callback_context.triggered.some((t) => t.prop_id === "menu.n_clicks");
        const open = document.getElementById("nav").classList.contains("open");
        return told && !open ? "nav open" : "nav";
      },
      themed: function (clicks) {
        if (clicks) {
          const next = THEMES[(THEMES.indexOf(kept()) + 1) % THEMES.length];
          try { localStorage.setItem("joulecast-theme", next); } catch (e) { /* a browser that keeps nothing */ }
          root.removeAttribute("data-mantine-color-scheme");
          paint();
        }
        return "Theme: " + kept();
      },
      /* The switches of a page into the address; the first ones are the defaults of the page. */
      chosen: function () {
        const values = Array.from(arguments);
        const ids = window.dash_clientside.callback_context.inputs_list.map((i) => i.id.split("-").pop());
        const changes = {};
        const asked = new URLSearchParams(window.location.search);
        ids.forEach((id, i) => {
          const opened = document.querySelector('[data-switch$="-' + id + '"]');
          const same = opened && opened.dataset.shown === values[i] && !asked.has(id);
          changes[id] = values[i] === 0 || same ? "" : values[i];
        });
        return window.joulecastSearched(changes);
      },
      /* Which of the buttons that come and go was pressed; those that have just come were not. */
      pressed: function () {
        const found = (window.dash_clientside.callback_context.triggered || []).find((t) => t.value);
        if (!found) { return window.dash_clientside.no_update; }
        const id = found.prop_id.slice(0, found.prop_id.lastIndexOf("."));
        return { id: id.startsWith("{") ? JSON.parse(id) : id, at: Date.now() };
      },
      focus: function (opened) {
        if (opened) {
          setTimeout(() => { const b = document.getElementById("act-cancel"); if (b) { b.focus(); } }, 150);
        }
        return window.dash_clientside.no_update;
      },
    },
  });
})();
