/**
 * Service worker: the page itself, without its pictures, where the service cannot be reached.
 *
 * Nothing stale is served: the page is asked for first each time, and only what is named by its own hash (`SHELL`, which
 * the service writes here) comes from the cache. A page that another version of the service made brings another worker,
 * which replaces this one together with all that it kept. Requests to the API never come here.
 */

const SHELL = []; // the page, then its files by the names that have their hashes
const CACHE = `vasari ${SHELL.join(" ")}`;
const LANGUAGE = new URL(location.href).searchParams.get("language"); // the one file beside, and none for English
const WORDS = LANGUAGE && /^[a-z]{2}$/.test(LANGUAGE) ? `languages/${LANGUAGE}.json` : "";
const HOME = new URL("./", location.href);

addEventListener("install", (event) => {
  const api = { urlPattern: new URLPattern({ pathname: `${HOME.pathname}v1/*` }) };
  event.addRoutes?.({ condition: api, source: "network" }); // where browsers can, the API does not wait for this worker
  event.waitUntil(install());
});

async function install() {
  const cache = await caches.open(CACHE);
  await cache.addAll([...SHELL, ...(WORDS ? [new Request(WORDS, { cache: "no-cache" })] : [])]);
  const page = await (await cache.match(SHELL[0])).text();
  if (!SHELL.slice(1).every((file) => page.includes(file))) {
    await caches.delete(CACHE);
    throw new Error("the service was replaced meanwhile"); // the next visit brings the worker of the new one
  }
  await skipWaiting();
}

addEventListener("activate", (event) => event.waitUntil(activate()));

async function activate() {
  await registration.navigationPreload?.enable();
  for (const name of await caches.keys()) if (name.startsWith("vasari ") && name !== CACHE) await caches.delete(name);
}

addEventListener("fetch", (event) => {
  const { request } = event;
  const url = new URL(request.url);
  const path = url.pathname.slice(HOME.pathname.length);
  if (request.method !== "GET" || url.origin !== HOME.origin) return;
  if (request.mode === "navigate" && (path === "" || path === "index.html")) event.respondWith(home(event));
  else if (SHELL.includes(`${path}${url.search}`)) event.respondWith(kept(request));
  else if (WORDS && path === WORDS) event.respondWith(fetch(request).catch(() => kept(request)));
});

/** The page as the service has it now; else as it was. */
async function home(event) {
  try {
    return (await event.preloadResponse) ?? (await fetch(event.request));
  } catch (error) {
    const page = await (await caches.open(CACHE)).match(SHELL[0]);
    if (!page) throw error;
    return page;
  }
}

async function kept(request) {
  return (await (await caches.open(CACHE)).match(request)) ?? fetch(request);
}
