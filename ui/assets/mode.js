/* The header's badge says what is on the page where that is not the plant itself: an element with data-mode names
   it, for as long as it is there. And the address, changed without a new entry in the browser's history. */
(function () {
  "use strict";
  let own = null; /* what the badge says by itself, while something else stands there */
  let ours = null; /* what stands there instead */
  const look = () => {
    const badge = document.getElementById("mode-badge");
    if (!badge) { return; }
    const of = document.querySelector("[data-mode]");
    const wanted = (of && of.dataset.mode) || null;
    if (badge.textContent !== ours) { own = badge.textContent; ours = null; }
    if (wanted && wanted !== ours) { ours = wanted; badge.textContent = wanted; }
    if (!wanted && ours !== null) { ours = null; badge.textContent = own; }
    document.documentElement.toggleAttribute("data-not-live", wanted !== null);
  };
  new MutationObserver(look).observe(document, {
    childList: true, subtree: true, characterData: true, attributes: true, attributeFilter: ["data-mode"],
  });

  /* Parameters of the address; an empty value takes one away. The server is not told: it has answered already. */
  window.joulecastAddress = (changes) => {
    const found = new URLSearchParams(window.location.search);
    for (const [name, value] of Object.entries(changes)) {
      if (value) { found.set(name, value); } else { found.delete(name); }
    }
    const text = found.toString().replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",");
    const search = text ? "?" + text : "";
    if (search === window.location.search) { return; }
    window.history.replaceState(window.history.state, "", window.location.pathname + search + window.location.hash);
  };
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    mode: { address: (changes) => { if (changes) { window.joulecastAddress(changes); } } },
  });
})();
