import type { Tallybase } from "@tallybase/client";
import {
  createContext,
  createElement,
  type ReactElement,
  type ReactNode,
  useContext,
  useMemo,
} from "react";
import type { RealtimeLike } from "./realtime.ts";
import { SharedCache } from "./shared-cache.ts";

/** What {@link TallybaseProvider} takes. */
export interface TallybaseProviderProps {
  /** Made by `createTallybase` with the user's session, once: outside of components, or memoized. */
  client: Tallybase;
  /** The organization of every hook that names none. */
  organizationId?: string | undefined;
  /** Your supabase-js client: changes then arrive by Realtime. Without it the hooks poll. */
  realtime?: RealtimeLike | null | undefined;
  /** Milliseconds between two looks while nothing tells of changes. Default: 60,000. */
  pollIntervalMs?: number | undefined;
  children?: ReactNode;
}

/** What the hooks share. */
export interface TallybaseValue {
  client: Tallybase;
  organizationId: string | undefined;
  cache: SharedCache;
}

const Context = createContext<TallybaseValue | null>(null);

/**
 * Gives the hooks below it their project. All of them share one cache: a quota that is shown in ten
 * places is asked for once.
 *
 * @example
 * ```tsx
 * const tally = createTallybase(supabase);
 *
 * <TallybaseProvider client={tally} realtime={supabase} organizationId={organizationId}>
 *   <QuotaIndicator />
 * </TallybaseProvider>
 * ```
 */
export function TallybaseProvider(props: TallybaseProviderProps): ReactElement {
  const { client, organizationId, realtime = null, pollIntervalMs = 60_000, children } = props;
  const cache = useMemo(
    // Answers of one client are not those of another.
    () => client && new SharedCache({ realtime, pollIntervalMs }),
    [client, realtime, pollIntervalMs],
  );
  const value = useMemo(() => ({ client, organizationId, cache }), [client, organizationId, cache]);
  return createElement(Context.Provider, { value }, children);
}

/**
 * The client of the nearest provider.
 *
 * @throws Error outside of a {@link TallybaseProvider}.
 *
 * @example
 * ```tsx
 * const { client } = useTallybase();
 * await client.track({ provider: "openai", model: "gpt-5.4", inputTokens: 10, outputTokens: 5 });
 * ```
 */
export function useTallybase(): TallybaseValue {
  const value = useContext(Context);
  if (!value) throw new Error("This component needs a <TallybaseProvider> above it.");
  return value;
}
