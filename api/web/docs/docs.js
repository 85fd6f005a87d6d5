/** The API's reference: Redoc, in the colours of the page (../styles/base.css). */

import { theme } from "/scripts/theme.js";

const night = matchMedia("(prefers-color-scheme: dark)");
night.addEventListener("change", () => location.reload());

const LIGHT = {
  paper: "#faf8f4", sheet: "#ffffff", sunken: "#f1ede6", line: "#ded7cb", ink: "#221e1a", soft: "#625a50",
  accent: "#8f3a1d", good: "#1d6b2a", alarm: "#a3161d",
};
const DARK = {
  paper: "#171513", sheet: "#201d1a", sunken: "#26231f", line: "#3a352f", ink: "#efe9e0", soft: "#b3a99c",
  accent: "#f0a988", good: "#8fd19a", alarm: "#ff9d97",
};

function redocTheme(colour) {
  return {
    colors: {
      primary: { main: colour.accent }, success: { main: colour.good }, error: { main: colour.alarm },
      text: { primary: colour.ink, secondary: colour.soft }, border: { dark: colour.line, light: colour.line },
      gray: { 50: colour.sunken, 100: colour.sunken },
    },
    schema: { nestedBackground: colour.sunken, linesColor: colour.line },
    typography: {
      fontFamily: "system-ui, sans-serif", headings: { fontFamily: "ui-serif, Georgia, serif" },
      code: { fontFamily: "ui-monospace, Menlo, Consolas, monospace", color: colour.accent, backgroundColor: colour.sunken },
      links: { color: colour.accent },
    },
    sidebar: { backgroundColor: colour.sunken, textColor: colour.ink, activeTextColor: colour.accent },
    rightPanel: { backgroundColor: "#26231f", textColor: "#efe9e0" },
    fab: { backgroundColor: colour.sunken, color: colour.accent },
  };
}

const dark = theme() === "dark" || (theme() === "system" && night.matches);
document.documentElement.dataset.theme = dark ? "dark" : "light";
const options = {
  theme: redocTheme(dark ? DARK : LIGHT),
  disableSearch: true, // its worker is made from a blob, which the content policy refuses; the browser's search finds all
};
window.Redoc.init("/openapi.json", options, document.getElementById("reference"));
