/* The data quality page: what is chosen goes into the address. */
(function () {
  "use strict";
  const changed = (search, name, value) => {
    const found = new URLSearchParams(search || "");
    if (found.get(name) === value) { return window.dash_clientside.no_update; }
    found.set(name, value);
    return "?" + found.toString().replaceAll("%2F", "/").replaceAll("%3A", ":");
  };
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    quality: {
      /* The row that was chosen. */
      chosen: function (rows, search) {
        return rows && rows.length ? changed(search, "point", rows[0].ref) : window.dash_clientside.no_update;
      },
      /* The length of the period. */
      span: function () {
        const told = window.dash_clientside.callback_context.triggered.find((t) => t.value);
        if (!told) { return window.dash_clientside.no_update; }
        const search = arguments[arguments.length - 1];
        const found = new URLSearchParams(search || "");
        found.delete("from");
        found.delete("to");
        return changed(found.toString(), "range", told.prop_id.split(".")[0].split("-").pop());
      },
    },
  });
})();
