// Keyboard of the review page. Keys typed into a field stay there.
(() => {
  "use strict";
  const tabs = ["figures", "structures", "needles", "heat", "cement", "sources", "decide"];
  const ask = (name, values = []) => window.trame && window.trame.trigger(name, values);
  const get = (key) => window.trame.state.get(key);
  const set = (key, value) => { window.trame.state.set(key, value); window.trame.state.flush(); };
  const actions = {
    b: () => ask("set_window", ["bone"]),
    s: () => ask("set_window", ["soft"]),
    l: () => ask("set_window", ["lung"]),
    e: () => ask("set_editing", [!get("editing")]),
    d: () => ask("measure_distance"),
    f: () => set("tab", tabs[(tabs.indexOf(get("tab")) + 1) % tabs.length]),
    "?": () => set("help", !get("help")),
    escape: () => { set("help", false); set("large", ""); },
  };
  window.addEventListener("keydown", (event) => {
    if (!window.trame || /^(INPUT|TEXTAREA|SELECT)$/.test(event.target.tagName) && event.target.type !== "range") return;
    const key = event.key.toLowerCase();
    if (event.ctrlKey || event.metaKey) {
      if (key === "z" || key === "y") { ask(key === "z" && !event.shiftKey ? "undo" : "redo"); event.preventDefault(); }
      return;
    }
    if (event.altKey) return;
    if (/^[0-9]$/.test(key)) ask("set_mode", [Number(key) - 1]);
    else if (actions[key]) actions[key]();
    else return;
    event.preventDefault();
    event.stopPropagation();
  }, true);
})();
