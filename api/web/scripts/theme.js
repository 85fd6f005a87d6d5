/** Colour theme: light, dark, or as the system has it. Loaded before the first paint, so that nothing flashes. */

const KEY = "vasari-theme";
const ORDER = ["system", "light", "dark"];

/** The theme in use. */
export function theme() {
  const kept = localStorage.getItem(KEY);
  return ORDER.includes(kept) ? kept : "system";
}

/** Go on to the next theme, remember it, and tell which it is. */
export function nextTheme() {
  const next = ORDER[(ORDER.indexOf(theme()) + 1) % ORDER.length];
  localStorage.setItem(KEY, next);
  apply(next);
  return next;
}

function apply(name) {
  document.documentElement.dataset.theme = name;
}

apply(theme());
