/* The key `a` acknowledges the alarm that has the focus; nothing where somebody is typing or has not the right. */
(function () {
  "use strict";
  const TYPING = "input, textarea, select, [contenteditable], [role=dialog]";
  document.addEventListener("keydown", (event) => {
    if (event.key !== "a" || event.ctrlKey || event.metaKey || event.altKey || event.repeat) { return; }
    const at = document.activeElement;
    if (!at || at.closest(TYPING)) { return; }
    const row = at.closest("[data-alarm]");
    const button = row && Array.from(row.querySelectorAll("button")).find((b) => b.id.includes('"alarm-ack"'));
    if (button && !button.disabled) { event.preventDefault(); button.click(); }
  });
})();
