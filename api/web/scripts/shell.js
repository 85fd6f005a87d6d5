/** Offline shell: a service worker keeps the page itself, so that it opens, and says so, where the service is away. */

import { language } from "./language.js";

/** Have it kept, once nothing else is to be done. The page module by module is for debugging, and is not kept. */
export function keepShell() {
  const { serviceWorker } = navigator; // there is none where the page came over plain HTTP from another machine
  if (!serviceWorker || !new URL(import.meta.url).pathname.endsWith("/page.js")) return;
  const register = () => serviceWorker.register(`sw.js${language === "en" ? "" : `?language=${language}`}`).catch(() => {});
  if (document.readyState === "complete") register();
  else addEventListener("load", register, { once: true });
}
