/* The header's badge says what is on the page where that is not the plant itself: an element with data-mode names
   it, for as long as it is there. */
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

  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    mode: { address: (changes) => { if (changes) { window.joulecastAddress(changes); } } },
  });
})();
