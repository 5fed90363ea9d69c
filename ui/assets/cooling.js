/* Cooling: shapes into SVG. Names come from devices and descriptions: they are set as text, never as HTML. */
(function () {
  "use strict";
  const SVG = "http://www.w3.org/2000/svg";
  const TAGS = new Set(["rect", "line", "text", "polygon"]);
  const ATTRIBUTES = new Set([
    "x", "y", "x1", "x2", "y1", "y2", "width", "height", "rx", "points", "class", "text-anchor",
  ]);
  const made = (shape) => {
    const found = document.createElementNS(SVG, shape.tag);
    for (const [name, value] of Object.entries(shape)) {
      if (ATTRIBUTES.has(name)) { found.setAttribute(name, value); }
    }
    if (shape.text) { found.textContent = shape.text; }
    if (shape.title) {
      const title = document.createElementNS(SVG, "title");
      title.textContent = shape.title;
      found.appendChild(title);
    }
    return found;
  };
  const draw = (data) => {
    const place = document.getElementById("cooling-plan");
    if (!place) { return; }
    const svg = document.createElementNS(SVG, "svg");
    svg.setAttribute("viewBox", "0 0 " + data.width + " " + data.height);
    svg.setAttribute("role", "img");
    svg.setAttribute("aria-label", data.said);
    data.shapes.filter((shape) => TAGS.has(shape.tag)).forEach((shape) => svg.appendChild(made(shape)));
    place.replaceChildren(svg);
  };
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    cooling: {
      plan: function (data) {
        if (!data || !data.shapes) { return ""; }
        draw(data);
        return data.said;
      },
      /* A period up to now takes the place of one with fixed ends. */
      range: function (value) {
        if (!value) { return window.dash_clientside.no_update; }
        return window.joulecastSearched({ range: value === "24h" ? "" : value, from: "", to: "" });
      },
    },
  });
})();
