import { useCallback, useSyncExternalStore } from "react";
import { useTallybase } from "./provider.ts";
import { type Question, type Snapshot, unknown } from "./shared-cache.ts";

/** An answer that is kept fresh, and how to ask for it now. */
export interface Answer<Data> extends Snapshot<Data> {
  refetch(): Promise<void>;
}

/** Follows a question's answer. On a server it is loading, so that both sides render the same. */
export function useAnswer<Data>(question: Question<Data>): Answer<Data> {
  const { cache } = useTallybase();
  const { key } = question;
  // biome-ignore lint/correctness/useExhaustiveDependencies: the key says all that a question depends on
  const subscribe = useCallback(
    (listener: () => void) => cache.subscribe(question, listener),
    [cache, key],
  );
  const snapshot = useSyncExternalStore<Snapshot<Data>>(
    subscribe,
    () => cache.read(question),
    () => unknown,
  );
  // biome-ignore lint/correctness/useExhaustiveDependencies: as above
  const refetch = useCallback(() => cache.refetch(question), [cache, key]);
  return { ...snapshot, refetch };
}
