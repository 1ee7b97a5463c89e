const BUILD = "__BUILD__"; const PRECACHE = __PRECACHE__;
// The server fills the first line: BUILD names this build, PRECACHE lists its hashed files, fonts, icons and /offline.
//
// What it keeps: public files of this build, and the offline page. No page of a customer and no answer of the shop is ever
// kept here; the code that the offline page shows lies in the app's own storage, and signing out removes it.
//
// Strategies: files of this build from the cache first; pages from the network, and after three seconds or without a
// network the offline page of the same build; everything else straight from the network.
"use strict";

const CACHE = `kava-${BUILD}`;
const PATIENCE_MS = 3000;
const OFFLINE = "/offline";

self.addEventListener("install", (event) => {
  // All or nothing: a build that cannot be kept whole is not installed. `reload` passes the browser's own cache by, which
  // only hashed names may use.
  const requests = PRECACHE.map((url) => new Request(url, { cache: url.startsWith("/pkg/") ? "default" : "reload" }));
  event.waitUntil(caches.open(CACHE).then((cache) => cache.addAll(requests)));
});

self.addEventListener("activate", (event) => {
  event.waitUntil(
    (async () => {
      const old = (await caches.keys()).filter((name) => name.startsWith("kava-") && name !== CACHE);
      await Promise.all(old.map((name) => caches.delete(name)));
      if (self.registration.navigationPreload) await self.registration.navigationPreload.enable();
    })(),
  );
});

// Only when the customer presses "reload": never on its own in the middle of a purchase.
self.addEventListener("message", (event) => {
  if (event.data === "take-over") self.skipWaiting();
  // Language and theme of the offline page are the ones of the day it was kept: a changed choice keeps it anew.
  if (event.data === "refresh-offline") event.waitUntil(refreshOffline());
});

self.addEventListener("fetch", (event) => {
  const { request } = event;
  if (request.method !== "GET") return;
  const url = new URL(request.url);
  if (url.origin !== self.location.origin) return;
  if (request.mode === "navigate") {
    event.respondWith(page(event));
  } else if (PRECACHE.includes(url.pathname) && url.pathname !== OFFLINE) {
    event.respondWith(kept(request, url.pathname));
  }
});

async function page(event) {
  const fresh = (async () => (await event.preloadResponse) || fetch(event.request))();
  const late = new Promise((resolve) => setTimeout(resolve, PATIENCE_MS, null));
  try {
    const answer = await Promise.race([fresh, late]);
    if (answer) return answer;
  } catch {
    // No network: the offline page follows.
  }
  const offline = await caches.match(OFFLINE, { cacheName: CACHE, ignoreVary: true });
  // Too slow, and nothing kept: then waiting is all that is left.
  fresh.catch(() => {});
  return offline || fresh;
}

async function kept(request, path) {
  const cache = await caches.open(CACHE);
  return (await cache.match(path, { ignoreVary: true })) || fetch(request);
}

async function refreshOffline() {
  const answer = await fetch(OFFLINE, { cache: "reload" });
  if (answer.ok) await (await caches.open(CACHE)).put(OFFLINE, answer);
}
