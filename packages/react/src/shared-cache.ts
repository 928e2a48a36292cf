import type { Result, TallybaseError } from "@tallybase/client";
import { listenForHints, type RealtimeLike } from "./realtime.ts";

/** What is known of an answer. */
export interface Snapshot<Data> {
  data: Data | null;
  error: TallybaseError | null;
  /** True until the first answer. */
  isLoading: boolean;
}

/** A question that components share: one answer for all of them. */
export interface Question<Data> {
  /** The same question has the same key. */
  key: string;
  organizationId: string | undefined;
  ask(signal: AbortSignal): Promise<Result<Data>>;
}

/** How often to ask. */
export interface CacheOptions {
  /** Milliseconds between two questions while nothing tells us of changes. */
  pollIntervalMs: number;
  realtime: RealtimeLike | null;
}

interface Entry {
  question: Question<unknown>;
  snapshot: Snapshot<unknown>;
  listeners: Set<() => void>;
  asking: AbortController | null;
  /** Asked for again while it was being asked. */
  isStale: boolean;
  timer: ReturnType<typeof setTimeout> | undefined;
  askedAt: number;
  failures: number;
}

interface Subscription {
  users: number;
  isLive: boolean;
  stop(): void;
}

/** What a question knows before its first answer; on a server it never knows more. */
export const unknown: Snapshot<never> = { data: null, error: null, isLoading: true };

/** While hints arrive, polling is only for those that got lost. */
const liveIntervalMs = 300_000;
const longestIntervalMs = 300_000;
/** Hints that come together are one, and a thousand open pages do not ask in the same moment. */
const hintDelayMs = 1_000;

/**
 * Answers that components share. Each question is asked once however many components want it, only
 * while one does, only while the page is seen, and less often after failures.
 */
export class SharedCache {
  readonly #options: CacheOptions;
  readonly #entries = new Map<string, Entry>();
  readonly #subscriptions = new Map<string, Subscription>();

  constructor(options: CacheOptions) {
    this.#options = options;
  }

  read<Data>(question: Question<Data>): Snapshot<Data> {
    return (this.#entries.get(question.key)?.snapshot ?? unknown) as Snapshot<Data>;
  }

  /** Keeps a question's answer fresh for a listener until the returned function is called. */
  subscribe(question: Question<unknown>, listener: () => void): () => void {
    const entry = this.#entryOf(question);
    entry.listeners.add(listener);
    if (entry.listeners.size === 1) this.#start(entry);
    return () => {
      entry.listeners.delete(listener);
      if (entry.listeners.size === 0) this.#stop(entry);
    };
  }

  /** Asks now, unless it is being asked: then once more after that. */
  async refetch(question: Question<unknown>): Promise<void> {
    await this.#ask(this.#entryOf(question));
  }

  #entryOf(question: Question<unknown>): Entry {
    const known = this.#entries.get(question.key);
    if (known) return known;
    const entry: Entry = {
      question,
      snapshot: unknown,
      listeners: new Set(),
      asking: null,
      isStale: false,
      timer: undefined,
      askedAt: Number.NEGATIVE_INFINITY,
      failures: 0,
    };
    this.#entries.set(question.key, entry);
    return entry;
  }

  #start(entry: Entry): void {
    if (this.#entries.size > 0) document.addEventListener("visibilitychange", this.#look);
    this.#listen(entry.question.organizationId);
    // A component that is mounted again asks no sooner than one that stayed.
    if (performance.now() - entry.askedAt > hintDelayMs) void this.#ask(entry);
    else this.#plan(entry);
  }

  #stop(entry: Entry): void {
    clearTimeout(entry.timer);
    // Nobody will hear this answer, so whoever comes next asks at once.
    if (entry.asking) entry.askedAt = Number.NEGATIVE_INFINITY;
    entry.asking?.abort();
    entry.asking = null;
    entry.isStale = false;
    this.#unlisten(entry.question.organizationId);
    const isUsed = [...this.#entries.values()].some(({ listeners }) => listeners.size > 0);
    if (!isUsed) document.removeEventListener("visibilitychange", this.#look);
  }

  /** A page that is seen again catches up with what it missed. */
  #look = (): void => {
    if (document.visibilityState === "hidden") return;
    for (const entry of this.#entries.values()) {
      if (entry.listeners.size > 0) this.#plan(entry);
    }
  };

  async #ask(entry: Entry): Promise<void> {
    if (entry.asking) {
      entry.isStale = true;
      return;
    }
    clearTimeout(entry.timer);
    const controller = new AbortController();
    entry.asking = controller;
    entry.askedAt = performance.now();
    const { data, error } = await entry.question.ask(controller.signal);
    if (entry.asking !== controller) return;
    entry.asking = null;
    entry.failures = error ? entry.failures + 1 : 0;
    // After a failure the last answer is still the best one.
    entry.snapshot = { data: error ? entry.snapshot.data : data, error, isLoading: false };
    for (const listener of entry.listeners) listener();
    if (entry.isStale) {
      entry.isStale = false;
      this.#plan(entry, hintDelayMs);
    } else {
      this.#plan(entry);
    }
  }

  #plan(entry: Entry, within = this.#intervalOf(entry)): void {
    clearTimeout(entry.timer);
    if (entry.listeners.size === 0 || document.visibilityState === "hidden") return;
    const due = entry.askedAt + within - performance.now();
    entry.timer = setTimeout(() => void this.#ask(entry), Math.max(due, 0));
  }

  #intervalOf({ failures, question }: Entry): number {
    const { isLive = false } = this.#subscriptions.get(question.organizationId ?? "") ?? {};
    const usual = isLive ? liveIntervalMs : this.#options.pollIntervalMs;
    return Math.min(usual * 2 ** failures, Math.max(longestIntervalMs, usual));
  }

  #entriesOf(organizationId: string): Entry[] {
    return [...this.#entries.values()].filter(
      ({ question, listeners }) => question.organizationId === organizationId && listeners.size > 0,
    );
  }

  #listen(organizationId: string | undefined): void {
    const { realtime } = this.#options;
    if (!realtime || !organizationId) return;
    const known = this.#subscriptions.get(organizationId);
    if (known) {
      known.users++;
      return;
    }
    let timer: ReturnType<typeof setTimeout> | undefined;
    const hint = () => {
      timer ??= setTimeout(
        () => {
          timer = undefined;
          for (const entry of this.#entriesOf(organizationId)) void this.#ask(entry);
        },
        hintDelayMs * (0.5 + Math.random() / 2),
      );
    };
    const subscription: Subscription = { users: 1, isLive: false, stop: () => {} };
    this.#subscriptions.set(organizationId, subscription);
    const stop = listenForHints(realtime, organizationId, hint, (isLive) => {
      if (subscription.isLive === isLive) return;
      subscription.isLive = isLive;
      // What was missed before hints arrived (or after they stopped) is asked for once.
      hint();
    });
    subscription.stop = () => {
      clearTimeout(timer);
      stop();
    };
  }

  #unlisten(organizationId: string | undefined): void {
    const subscription = this.#subscriptions.get(organizationId ?? "");
    if (!subscription || --subscription.users > 0) return;
    this.#subscriptions.delete(organizationId ?? "");
    subscription.stop();
  }
}
