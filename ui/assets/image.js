/* A chart as PNG says what it is and whence, in lines below it, as the other exports do in their heads. */
(function () {
  "use strict";
  const BUTTON = '.modebar-btn[aria-label^="Download plot"]';
  const SCALE = 2, LINE_PX = 18, EDGE_PX = 12;
  const GROUND = "#f3f4f5", INK = "#1f2933";

  const text = (at, selector) => {
    const found = at && at.querySelector(selector);
    return found ? found.textContent.trim().replace(/\s+/g, " ") : "";
  };
  const joined = (...parts) => parts.filter(Boolean).join(" · ");

  /* What is written below: where it was, what it is, when, and what was wrong at that time. */
  const said = (panel) => [
    joined(text(document, ".site-name"), text(document, "#page h1"), text(panel, "h2")),
    text(panel, "header > .note:not(:has(input, button, a))"),
    joined(text(document, "#mode-badge"), text(document, "#plant-time"), text(document, "#data-age"),
      text(document, "#units-next")),
    text(document, "#banner"),
    joined((document.querySelector(".brand") || {}).title, window.location.pathname + window.location.search),
  ].filter(Boolean);

  /* A line that is too long goes on in the next one. */
  const wrapped = (pen, line, width) => {
    const lines = [""];
    for (const part of line.match(/[^ &]+[ &]?/g)) {
      const last = lines[lines.length - 1];
      if (last && pen.measureText(last + part).width > width) { lines.push(part); } else { lines[lines.length - 1] = last + part; }
    }
    return lines;
  };

  const drawn = (image, panel, width, height) => {
    const canvas = document.createElement("canvas");
    const pen = canvas.getContext("2d");
    const font = `12px ${window.getComputedStyle(panel).fontFamily}`;
    pen.font = font;
    const lines = said(panel).flatMap((line) => wrapped(pen, line, width - 2 * EDGE_PX));
    canvas.width = SCALE * width;
    canvas.height = SCALE * (height + LINE_PX * lines.length + EDGE_PX);
    pen.scale(SCALE, SCALE);
    pen.fillStyle = GROUND; /* paper is light, whatever the screen is */
    pen.fillRect(0, 0, canvas.width, canvas.height);
    pen.drawImage(image, 0, 0, width, height);
    pen.font = font;
    pen.fillStyle = INK;
    lines.forEach((line, i) => pen.fillText(line, EDGE_PX, height + LINE_PX * (i + 0.8)));
    return canvas;
  };

  const save = async (plot) => {
    const panel = plot.closest(".panel") || document.body;
    const { width, height } = plot.getBoundingClientRect();
    const image = new Image();
    image.src = await window.Plotly.toImage(plot, { format: "png", scale: SCALE, width, height });
    await image.decode();
    const blob = await new Promise((done) => drawn(image, panel, width, height).toBlob(done, "image/png"));
    const link = document.createElement("a");
    const name = joined(text(document, ".site-name"), text(document, "#page h1"), text(panel, "h2"));
    link.download = name.replace(/[^A-Za-z0-9]+/g, "-").toLowerCase() + ".png";
    link.href = URL.createObjectURL(blob);
    link.click();
    setTimeout(() => URL.revokeObjectURL(link.href), 10000);
  };

  /* Before the library's own, which would save the bare chart. */
  document.addEventListener("click", (event) => {
    const button = event.target.closest && event.target.closest(BUTTON);
    if (!button) { return; }
    event.stopPropagation();
    save(button.closest(".js-plotly-plot")).catch((error) => window.alert("The chart could not be saved: " + error));
  }, true);
})();
