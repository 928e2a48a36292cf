import { createTallybase, webStorageStore } from "@tallybase/client";
import type { RealtimeLike } from "@tallybase/react";
import { createRoot, hydrateRoot } from "react-dom/client";
import "./page-settings.ts";
import { view } from "./view.ts";

const { url, key, token, organizationId, pollIntervalMs, html, hasRealtime } = window.settings;

window.tally = createTallybase({
  url,
  key,
  accessToken: token,
  organizationId,
  retries: 0,
  queue: { store: webStorageStore(), intervalMs: 200 },
});

/** Realtime as far as the page sees it: the stack on this machine has none. */
const listeners = new Set<() => void>();
const realtime: RealtimeLike = {
  channel: () => ({
    on: (_type, _filter, listener) => listeners.add(listener),
    subscribe: (listener) => listener("SUBSCRIBED"),
  }),
  removeChannel: () => {},
};
window.hint = () => {
  for (const listener of listeners) listener();
};

const provided = { organizationId, pollIntervalMs, realtime: hasRealtime ? realtime : null };
const element = document.getElementById("root");
if (!element) throw new Error("The page has no root.");
if (html) element.innerHTML = html;
const first = view(window.tally, provided);
const root = html ? hydrateRoot(element, first) : createRoot(element);
window.show = (components) => root.render(view(window.tally, { ...provided, components }));
if (!html) window.show(3);
