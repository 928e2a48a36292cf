import { keyOf } from "./open-queue.ts";
import type { QueueStore } from "./queue-types.ts";
import type { UsageEvent } from "./types.ts";

/** As much of `localStorage` as is needed. */
export interface StorageLike {
  readonly length: number;
  key(index: number): string | null;
  getItem(name: string): string | null;
  setItem(name: string, value: string): void;
  removeItem(name: string): void;
}

/**
 * Keeps the events of a queue in `localStorage` (or anything like it) until they are recorded: they
 * outlive a reload, a crash and an hour without a network. Each event is an entry of its own, so tabs
 * do not disturb each other; one that two tabs send is counted once.
 *
 * Events say who used what and when: think about who else uses the device.
 *
 * @param storage - Default: `localStorage`.
 * @param prefix - Of the entries' names. One for each project that the page talks to.
 *
 * @example
 * ```ts
 * const tally = createTallybase({ url, key, accessToken, queue: { store: webStorageStore() } });
 * tally.queue.add({ provider: "openai", model: "gpt-5.4", inputTokens: 1_180, outputTokens: 214 });
 * ```
 */
export function webStorageStore(storage?: StorageLike, prefix = "tallybase:"): QueueStore {
  const entries = () => storage ?? (globalThis as { localStorage?: StorageLike }).localStorage;
  return {
    load() {
      const kept = entries();
      const names = Array.from({ length: kept?.length ?? 0 }, (_, index) => kept?.key(index) ?? "");
      return names
        .filter((name) => name.startsWith(prefix))
        .sort()
        .flatMap((name) => parse(kept?.getItem(name) ?? ""));
    },
    put: (event) => entries()?.setItem(prefix + keyOf(event), JSON.stringify(event)),
    remove(ids) {
      for (const id of ids) entries()?.removeItem(prefix + id);
    },
  };
}

/** An entry that somebody else wrote under our prefix is none of ours. */
function parse(text: string): UsageEvent[] {
  try {
    const event: UsageEvent | null = JSON.parse(text);
    return event?.provider && event.model ? [event] : [];
  } catch {
    return [];
  }
}
