/* The data quality page: what is chosen goes into the address. */
(function () {
  "use strict";
  window.dash_clientside = Object.assign({}, window.dash_clientside, {
    quality: {
      /* The row that was chosen. */
      chosen: function (rows) {
        return rows && rows.length ? window.joulecastSearched({ point: rows[0].ref }) : window.dash_clientside.no_update;
      },
      /* The length of the period. */
      span: function () {
        const told = window.dash_clientside.callback_context.triggered.find((t) => t.value);
        if (!told) { return window.dash_clientside.no_update; }
        return window.joulecastSearched({ range: told.prop_id.split(".")[0].split("-").pop(), from: "", to: "" });
      },
    },
  });
})();
