/** What to do when the page or the process comes to an end. */
export interface Lifecycle {
  /** The page is out of sight and may be dropped at any time. */
  hide(): void;
  /** The page is being left. */
  leave(): void;
  /** The network is back. */
  online(): void;
  /** The process has nothing left to do; what is begun now is waited for. */
  end(): void;
}

/** The few events that say so, in whatever runs this. */
interface Target {
  addEventListener?(type: string, listener: () => void): void;
  removeEventListener?(type: string, listener: () => void): void;
}

/** Listens until the returned function is called. Where there are no such events, nothing happens. */
export function watchLifecycle({ hide, leave, online, end }: Lifecycle): () => void {
  const scope = globalThis as Target & {
    document?: Target & { visibilityState?: string };
    process?: {
      on?(type: string, listener: () => void): void;
      off?: (typeof scope.process & {})["on"];
    };
  };
  const { document, process } = scope;
  const seen = () => void (document?.visibilityState === "hidden" && hide());
  const page = document?.addEventListener ? document : undefined;
  page?.addEventListener?.("visibilitychange", seen);
  if (page) scope.addEventListener?.("pagehide", leave);
  if (page) scope.addEventListener?.("online", online);
  process?.on?.("beforeExit", end);
  return () => {
    page?.removeEventListener?.("visibilitychange", seen);
    scope.removeEventListener?.("pagehide", leave);
    scope.removeEventListener?.("online", online);
    process?.off?.("beforeExit", end);
  };
}
