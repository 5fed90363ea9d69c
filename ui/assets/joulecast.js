/* What runs in the browser without asking the server: the theme before the first paint, the staleness watchdog,
   and the table of points. */
(function () {
  "use strict";
  const root = document.documentElement;
  const dark = window.matchMedia("(prefers-color-scheme: dark)");
  const paint = () => root.setAttribute("data-mantine-color-scheme", dark.matches ? "dark" : "light");
  paint();
  dark.addEventListener("change", paint);

  const SILENT_AFTER_MS = 6000;
  const beat = { seq: null, at: Date.now() };

  const element = (type, props) => ({ namespace: "dash_html_components", type, props });
  const cell = (text, className) => element("Td", className ? { children: text, className } : { children: text });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    joulecast: {
      /* The client's own time since the last answer; the server's clock plays no part in it. */
      watch: function (_, told) {
        const now = Date.now();
        if (told && told.seq !== beat.seq) { beat.seq = told.seq; beat.at = now; }
        const silent = now - beat.at;
        let text = "";
        if (silent > SILENT_AFTER_MS) {
          text = "No answer from the server for " + Math.round(silent / 1000) + " s: the values on this page are old.";
        } else if (told && told.stale) {
          text = told.stale;
        }
        document.body.classList.toggle("stale", silent > SILENT_AFTER_MS);
        return text;
      },
      /* Rows of [name, value, quality, age, dead] as table rows. */
      points: function (rows) {
        return (rows || []).map((r) => element("Tr", {
          className: r[4] ? "dead" : "",
          children: [cell(r[0]), cell(r[1], "num"), cell(r[2]), cell(r[3], "num")],
        }));
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
