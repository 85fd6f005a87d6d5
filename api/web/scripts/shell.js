/** Offline shell: a service worker keeps the page itself, so that it opens, and says so, where the service is away. */

import { language } from "./language.js";

const PATIENCE = 1000; // ms after the page itself is there: its first pictures go first

/** Have it kept, once nothing else is to be done. The page module by module is for debugging, and is not kept. */
export function keepShell() {
  const { serviceWorker } = navigator; // there is none where the page came over plain HTTP from another machine
  if (!serviceWorker || !new URL(import.meta.url).pathname.endsWith("/page.js")) return;
  const register = () => serviceWorker.register(`sw.js${language === "en" ? "" : `?language=${language}`}`).catch(() => {});
  const later = () => setTimeout(register, PATIENCE);
  if (document.readyState === "complete") later();
  else addEventListener("load", later, { once: true });
}
