import { type Answer, callWithRetry } from "./call-with-retry.ts";
import { TallybaseError } from "./errors.ts";
import { fromWire, type Wire } from "./names.ts";
import type { QueueOptions } from "./queue-types.ts";
import type { Transport } from "./transport.ts";
import type { CallOptions, LostHandler, Result } from "./types.ts";

/** How a client behaves; every value has a default. */
export interface TallybaseOptions {
  /** The organization of every call that names none. An API key (tally_…) brings its own. */
  organizationId?: string | undefined;
  /** Milliseconds that one request may take. Default: 5000. */
  timeoutMs?: number | undefined;
  /** Attempts to record after the first one failed, with growing pauses. Default: 3. */
  retries?: number | undefined;
  /**
   * What to do when admission cannot be asked (no answer, too slow, 5xx, 429): false refuses the
   * call (the default), true makes it and records it without a hold. A quota's refusal always stands.
   */
  failOpen?: boolean | undefined;
  /** Told of every event that could not be written, so that it can be stored and tracked later. */
  onLost?: LostHandler | undefined;
  /** How {@link Tallybase.queue} behaves. */
  queue?: QueueOptions | undefined;
}

/** A client's connection and settings, passed to every function of this package. */
export interface Session {
  transport: Transport;
  organizationId: string | undefined;
  timeoutMs: number;
  retries: number;
  failOpen: boolean;
  onLost: LostHandler | undefined;
}

/** Fills in the defaults. */
export function openSession(transport: Transport, options: TallybaseOptions): Session {
  return {
    transport,
    organizationId: options.organizationId,
    timeoutMs: options.timeoutMs ?? 5_000,
    retries: options.retries ?? 3,
    failOpen: options.failOpen ?? false,
    onLost: options.onLost,
  };
}

/** How often a read or a reservation is repeated: it is somebody's wait, so once. */
const impatient = 1;

/** Calls one SQL function and gives its answer in camelCase. */
export async function ask<Data>(
  session: Session,
  name: string,
  args: Wire,
  options: CallOptions & { retries?: number } = {},
): Promise<Result<Data>> {
  const answer = await callWithRetry(
    (signal) => session.transport.callFunction(name, args, signal),
    {
      timeoutMs: session.timeoutMs,
      retries: options.retries ?? impatient,
      signal: options.signal,
    },
  );
  return inCamelCase(answer);
}

/** As {@link ask}, for a SQL function that returns a table of exactly one row. */
export async function askForRow<Data>(
  session: Session,
  name: string,
  args: Wire,
  options?: CallOptions,
): Promise<Result<Data>> {
  const { data, error } = await ask<Data[]>(session, name, args, options);
  if (error) return { data: null, error };
  const [row] = data;
  if (row !== undefined) return { data: row, error: null };
  const nothing = new TallybaseError(`${name} answered without a row.`, {
    code: "TALLY_NETWORK",
    status: 0,
  });
  return { data: null, error: nothing };
}

/** As {@link ask}, for an edge function. */
export async function askEdge<Data>(
  session: Session,
  name: string,
  body: Wire,
  options: CallOptions = {},
): Promise<Result<Data>> {
  const answer = await callWithRetry((signal) => session.transport.invokeEdge(name, body, signal), {
    timeoutMs: session.timeoutMs,
    retries: impatient,
    signal: options.signal,
  });
  return inCamelCase(answer);
}

function inCamelCase<Data>(answer: Answer): Result<Data> {
  if (answer.error) return answer;
  return { data: fromWire(answer.data) as Data, error: null };
}

/** The arguments of a call, with the session's organization where the caller named none. */
export function withOrganization<Args extends { organizationId?: string | undefined }>(
  session: Session,
  args: Args,
): Args {
  const organizationId = args.organizationId ?? session.organizationId;
  return organizationId === undefined ? args : { ...args, organizationId };
}
