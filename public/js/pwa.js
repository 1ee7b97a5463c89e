// What makes a page an app: the service worker and its updates, the wake lock, the offer to install.
// No framework and no state: it listens to the browser and to the marks that the app puts on <html>.
const root = document.documentElement;
const russian = root.lang === "ru";
const words = {
  update: russian ? "Вышла новая версия Kava" : "There is a new version of Kava",
  reload: russian ? "Обновить" : "Reload",
};

// The service worker -------------------------------------------------------------------------------------------------
const HOUR = 3_600_000;
let takingOver = false;

async function register() {
  const registration = await navigator.serviceWorker.register("/sw.js", { updateViaCache: "none" });
  if (registration.waiting && navigator.serviceWorker.controller) offerUpdate(registration);
  registration.addEventListener("updatefound", () => {
    const next = registration.installing;
    next?.addEventListener("statechange", () => {
      // Without a controller it is the first one, and there is nothing to update from.
      if (next.state === "installed" && navigator.serviceWorker.controller) offerUpdate(registration);
    });
  });
  setInterval(() => registration.update().catch(() => {}), HOUR);
  refreshOffline(registration);
}

function offerUpdate(registration) {
  if (document.querySelector(".toast")) return;
  const toast = document.createElement("div");
  toast.className = "toast";
  toast.setAttribute("role", "status");
  const text = document.createElement("span");
  text.textContent = words.update;
  const button = document.createElement("button");
  button.className = "button button--small";
  button.type = "button";
  button.textContent = words.reload;
  button.addEventListener("click", () => {
    takingOver = true;
    registration.waiting?.postMessage("take-over");
  });
  toast.append(text, button);
  document.body.append(toast);
}

// The kept offline page speaks the language of the day it was kept.
function refreshOffline(registration) {
  const look = `${root.lang}/${root.dataset.theme}`;
  try {
    const before = localStorage.getItem("kava.look");
    localStorage.setItem("kava.look", look);
    if (before && before !== look) registration.active?.postMessage("refresh-offline");
  } catch {
    // Storage may be closed to us; then the page keeps its language.
  }
}

if ("serviceWorker" in navigator && !root.dataset.shell) {
  navigator.serviceWorker.addEventListener("controllerchange", () => {
    if (takingOver) location.reload();
    takingOver = false;
  });
  addEventListener("load", () => register().catch(() => {}));
}

// The screen stays on while the code is shown --------------------------------------------------------------------------
let lock = null;
let asking = false;

async function holdAwake() {
  const wanted = root.hasAttribute("data-awake") && document.visibilityState === "visible";
  if (!wanted) {
    const held = lock;
    lock = null;
    await held?.release().catch(() => {});
  } else if (!lock && !asking && "wakeLock" in navigator) {
    asking = true;
    try {
      lock = await navigator.wakeLock.request("screen");
      lock.addEventListener("release", () => (lock = null));
    } catch {
      // Low battery, or not allowed: the screen dims as it always does.
    }
    asking = false;
    if (!root.hasAttribute("data-awake")) holdAwake();
  }
}

new MutationObserver(holdAwake).observe(root, { attributes: true, attributeFilter: ["data-awake"] });
document.addEventListener("visibilitychange", holdAwake);
holdAwake();

// The offer to install: a button of ours, when the browser says that it can --------------------------------------------
let offer = null;

function showInstall() {
  for (const button of document.querySelectorAll("[data-install]")) button.hidden = !offer;
}

addEventListener("beforeinstallprompt", (event) => {
  event.preventDefault();
  offer = event;
  showInstall();
});
addEventListener("appinstalled", () => {
  offer = null;
  showInstall();
});
document.addEventListener("click", async (event) => {
  if (!offer || !(event.target instanceof Element) || !event.target.closest("[data-install]")) return;
  const asked = offer;
  offer = null;
  await asked.prompt();
  showInstall();
});
new MutationObserver(showInstall).observe(root, { attributes: true, attributeFilter: ["data-hydrated"] });
