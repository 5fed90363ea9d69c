/* Alarms by keyboard: `a` acknowledges the row that has the focus, and the focus stays with its alarm when the list is
   made anew; nothing where somebody is typing or may not. */
(function () {
  "use strict";
  const TYPING = "input, textarea, select, [contenteditable], [role=dialog]";
  const rowOf = (element) => (element && element.closest ? element.closest("[data-alarm]") : null);
  let at = null;

  document.addEventListener("keydown", (event) => {
    if (event.key !== "a" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) { return; }
    const focused = document.activeElement;
    if (!focused || focused.closest(TYPING)) { return; }
    const row = rowOf(focused);
    const button = row && Array.from(row.querySelectorAll("button")).find((b) => b.id.includes('"alarm-ack"'));
    if (button && !button.disabled) { event.preventDefault(); button.click(); }
  });

  document.addEventListener("focusin", (event) => { const row = rowOf(event.target); at = row ? row.id : null; });
  document.addEventListener("pointerdown", (event) => { if (!rowOf(event.target)) { at = null; } });
  const watch = () => new MutationObserver(() => {
    if (!at || document.activeElement !== document.body) { return; }
    const row = document.getElementById(at);
    if (row) { row.focus({ preventScroll: true }); }
  }).observe(document.body, { childList: true, subtree: true });
  if (document.body) { watch(); } else { document.addEventListener("DOMContentLoaded", watch); }
})();
