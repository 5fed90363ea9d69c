/* Keys: g and a letter go to a page, H asks for HOLD, ? lists them; nothing where somebody is typing or in a dialog. */
(function () {
  "use strict";
  const AFTER_MS = 1500; /* a letter that comes later than this after its g is one by itself */
  const TYPING = "input:not([type=radio], [type=checkbox], [type=range]), textarea, select, [contenteditable], " +
    "dialog, [role=dialog], [role=listbox], [role=grid]";
  let since = -Infinity;

  const press = (element) => {
    if (!element || element.disabled || element.classList.contains("not-offered")) { return false; }
    element.click();
    return true;
  };
  const list = () => {
    const found = document.getElementById("keys");
    if (found && !found.open) { found.showModal(); }
    return Boolean(found);
  };
  const act = (key, led) => {
    if (led) { return /^[a-z]$/.test(key) && press(document.querySelector(`.nav a[title$=" g ${key}"]`)); }
    if (key === "?") { return list(); }
    return key === "H" && press(document.getElementById("hold-open"));
  };

  /* Before the pages' own keys: the letter after a g is not theirs. */
  document.addEventListener("keydown", (event) => {
    const at = event.target;
    if (event.ctrlKey || event.metaKey || event.altKey || event.repeat || event.key === "Shift") { return; }
    if (at.closest && at.closest(TYPING)) { return; }
    const led = performance.now() - since < AFTER_MS;
    since = event.key === "g" && !led ? performance.now() : -Infinity;
    if (led) { event.stopPropagation(); }
    if (act(event.key, led)) { event.preventDefault(); }
  }, true);

  document.addEventListener("click", (event) => {
    const id = event.target.closest && (event.target.closest("button") || {}).id;
    if (id === "keys-open") { list(); }
    if (id === "keys-close") { document.getElementById("keys").close(); }
  });
})();
