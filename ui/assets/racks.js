/* Racks: cells and rows made in the browser from short lists, so that thousands of GPUs are quick to send. */
(function () {
  "use strict";
  const element = (type, props) => ({ namespace: "dash_html_components", type, props });
  const FIELDS = ["id", "rack", "power", "cap", "of_cap", "temp", "memory_temp", "clock", "use", "memory", "held"];

  /* Cells are made once and then changed in place, so that the focus stays where it is. Names are text. */
  const made = (tag, className, parent) => {
    const found = document.createElement(tag);
    found.className = className;
    parent.appendChild(found);
    return found;
  };
  const change = (button, found, metric, first) => {
    const [asset, label, text, shade, look, place, picked, why] = found;
    const told = text === "—" ? "none" + (why ? ": " + why : "") : text;
    button.className = "rack-cell " + (look || (shade < 0 ? "none" : "heat-" + shade));
    button.title = why ? label + ": " + why : label;
    button.dataset.rack = asset;
    button.setAttribute("aria-label", label + ", " + metric + " " + told);
    button.setAttribute("aria-pressed", picked ? "true" : "false");
    button.tabIndex = first ? 0 : -1;
    button.style.gridColumn = place || "";
    button.firstChild.textContent = label;
    button.lastChild.textContent = text;
  };
  const build = (place, data) => {
    place.replaceChildren();
    data.rows.forEach(([name, cells]) => {
      const group = made("div", "", place);
      group.setAttribute("role", "group");
      group.setAttribute("aria-label", name || "Racks");
      if (name) { made("h3", "", group).textContent = name; }
      const aisle = made("div", name ? "aisle" : "aisle plain", group);
      cells.forEach(() => {
        const button = made("button", "", aisle);
        button.type = "button";
        made("span", "", button);
        made("b", "", button);
      });
    });
  };
  const floor = (data) => {
    const place = document.getElementById("racks-floor");
    if (!place) { return; }
    const shape = JSON.stringify(data.rows.map(([name, cells]) => [name, cells.map((found) => found[0])]));
    if (place.dataset.shape !== shape || !place.firstChild) {
      build(place, data);
      place.dataset.shape = shape;
    }
    const all = data.rows.flatMap((row) => row[1]);
    const entry = all.find((found) => found[6]) || all[0];
    const buttons = place.querySelectorAll("button");
    all.forEach((found, i) => change(buttons[i], found, data.metric, found === entry));
  };

  const legend = (data) => [
    element("Span", { children: data.low }),
    element("Span", { children: [0, 1, 2, 3, 4, 5].map((i) => element("I", { className: "heat-" + i })) }),
    element("Span", { children: data.high }),
    element("Span", { children: data.beyond }),
  ];

  const rows = (data) => data.table.map((texts) => element("Tr", {
    children: texts.map((text, i) => element(i ? "Td" : "Th", i ? { children: text, className: i > 1 ? "num" : "" }
      : { children: text, scope: "row" })),
  }));

  /* Enter and a click pick a rack; the arrows go from rack to rack. */
  const pick = (asset) => {
    window.dash_clientside.set_props("url", { search: window.joulecastSearch({ rack: asset }) });
  };
  const cells = () => Array.from(document.querySelectorAll(".rack-cell"));
  const beside = (from, key) => {
    if (key === "ArrowLeft" || key === "ArrowRight") {
      return cells()[cells().indexOf(from) + (key === "ArrowRight" ? 1 : -1)];
    }
    const here = from.getBoundingClientRect();
    const down = key === "ArrowDown";
    const off = (other) => {
      const there = other.getBoundingClientRect();
      const dy = down ? there.top - here.bottom : here.top - there.bottom;
      return dy < -2 ? Infinity : dy * 10 + Math.abs(there.left - here.left);
    };
    const found = cells().filter((other) => off(other) < Infinity).sort((a, b) => off(a) - off(b));
    return found[0];
  };
  document.addEventListener("click", (event) => {
    const found = event.target.closest && event.target.closest("[data-rack]");
    if (found) { pick(found.dataset.rack); }
  });
  document.addEventListener("keydown", (event) => {
    const found = event.target.closest && event.target.closest("[data-rack]");
    if (!found || !["ArrowLeft", "ArrowRight", "ArrowUp", "ArrowDown"].includes(event.key)) { return; }
    const next = beside(found, event.key);
    if (next) { next.focus(); }
    event.preventDefault();
  });

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    racks: {
      floor: function (data) {
        if (!data) { return ["", ""]; }
        floor(data);
        return [legend(data), rows(data)];
      },
      /* What is shown, into the address; the first one is the page's own and is not said. */
      metric: function (value) { return window.joulecastSearched({ metric: value === "inlet" ? "" : value }); },
      rows: function (lists) {
        return (lists || []).map((list) => Object.fromEntries(list.map((value, i) => [FIELDS[i], value])));
      },
    },
  });

  const functions = (window.dashAgGridFunctions = window.dashAgGridFunctions || {});
  functions.racksFixed = (value, places) => (value === null || value === undefined ? "—" : value.toFixed(places));
  functions.racksTheme = (theme) => theme.withParams({
    accentColor: "var(--action)", backgroundColor: "var(--panel)", foregroundColor: "var(--ink)",
    headerBackgroundColor: "var(--panel)", headerTextColor: "var(--muted)", borderColor: "var(--grid)",
    oddRowBackgroundColor: "var(--panel)", rowHoverColor: "var(--page)", inputBackgroundColor: "var(--raised)",
    inputTextColor: "var(--ink)", fontFamily: "inherit", fontSize: 13, borderRadius: 4, wrapperBorderRadius: 4,
    menuBackgroundColor: "var(--panel)", menuTextColor: "var(--ink)",
  });
})();
