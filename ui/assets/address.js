/* The address with some of its parameters changed: one way for every page. */
(function () {
  "use strict";
  /* Its query; an empty value takes a parameter away. */
  window.joulecastSearch = (changes) => {
    const found = new URLSearchParams(window.location.search); /* a page may have written into it since */
    for (const [name, value] of Object.entries(changes)) {
      if (value) { found.set(name, value); } else { found.delete(name); }
    }
    const text = found.toString().replaceAll("%2F", "/").replaceAll("%3A", ":").replaceAll("%2C", ",");
    return text ? "?" + text : "";
  };
  /* The same for a callback with the query as its output. */
  window.joulecastSearched = (changes) => {
    const search = window.joulecastSearch(changes);
    return search === window.location.search ? window.dash_clientside.no_update : search;
  };
  /* The same without a new entry in the browser's history; the server is not told: it has answered already. */
  window.joulecastAddress = (changes) => {
    const search = window.joulecastSearch(changes);
    if (search === window.location.search) { return; }
    window.history.replaceState(window.history.state, "", window.location.pathname + search + window.location.hash);
  };
})();
