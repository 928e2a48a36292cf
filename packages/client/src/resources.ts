import { type Amount, scaleAmount } from "./decimal.ts";
import type { Attribution, UsageEvent } from "./types.ts";

/** What every resource may say beside its amount. */
export interface ResourceContext extends Partial<Omit<Attribution, "resourceType">> {
  createdAt?: string | Date | undefined;
  idempotencyKey?: string | undefined;
  durationMs?: number | undefined;
  status?: UsageEvent["status"];
}

/** Bytes in a gigabyte: `decimal` (the default) is 10^9 as storage is sold, `binary` 2^30 (GiB). */
export interface ByteUnit {
  gigabyte?: "decimal" | "binary" | undefined;
}

const gigabytes = { decimal: 10n ** 9n, binary: 2n ** 30n };

const secondsPerHour = 3_600n;

/** Decimals that a binary gigabyte needs to be exact: 2^-30 has 30 of them. */
const binaryPlaces = 30;

interface Measured {
  model: string;
  units: number | string;
  unitType: string;
  provider?: string;
}

function resource(
  { requestMetadata, ...context }: ResourceContext,
  measured: Measured,
  details: Record<string, unknown> = {},
): UsageEvent {
  const known = Object.entries(details).filter(([, value]) => value !== undefined);
  const metadata = { ...Object.fromEntries(known), ...requestMetadata };
  return {
    provider: "platform",
    resourceType: measured.model,
    ...measured,
    ...context,
    ...(Object.keys(metadata).length > 0 && { requestMetadata: metadata }),
  };
}

const inGigabytes = (factors: Amount[], { gigabyte = "decimal" }: ByteUnit) =>
  scaleAmount(factors, gigabytes[gigabyte], gigabyte === "binary" ? binaryPlaces : 12);

/**
 * One request to an API of yours: 1 `request`.
 *
 * @example
 * ```ts
 * tally.queue.add(resources.apiRequest({ endpoint: "/users", method: "GET", statusCode: 200 }));
 * ```
 */
function apiRequest(
  request: ResourceContext & { endpoint: string; method: string; statusCode?: number },
): UsageEvent {
  const { endpoint, method, statusCode, ...context } = request;
  const measured = { model: "api_call", units: 1, unitType: "request" };
  return resource(context, measured, { endpoint, method, status: statusCode });
}

/**
 * Bytes kept for a time: `gb_hour`, bytes × hours / 10^9.
 *
 * @example
 * ```ts
 * await tally.track(resources.storage({ bytes: 5_368_709_120, hours: 24 })); // 128.84901888 GB-hours
 * ```
 */
function storage(use: ResourceContext & ByteUnit & { bytes: Amount; hours: Amount }): UsageEvent {
  const { bytes, hours, gigabyte, ...context } = use;
  const units = inGigabytes([bytes, hours], { gigabyte });
  return resource(
    context,
    { model: "storage", units, unitType: "gb_hour" },
    details({ bytes, hours }),
  );
}

/**
 * Bytes that went in or out: `gb`, bytes / 10^9.
 *
 * @example
 * ```ts
 * await tally.track(resources.bandwidth({ bytes: 524_288_000, direction: "egress" })); // 0.524288 GB
 * ```
 */
function bandwidth(
  use: ResourceContext & ByteUnit & { bytes: Amount; direction?: "egress" | "ingress" },
): UsageEvent {
  const { bytes, direction = "egress", gigabyte, ...context } = use;
  const units = inGigabytes([bytes], { gigabyte });
  const more = { ...details({ bytes }), direction };
  return resource(context, { model: "bandwidth", units, unitType: "gb" }, more);
}

/**
 * Time of processors: `cpu_hour`, seconds × processors / 3600, to 12 decimals.
 *
 * @example
 * ```ts
 * await tally.track(resources.compute({ seconds: 5_400, cpus: 2 })); // 3 CPU-hours
 * ```
 */
function compute(use: ResourceContext & { seconds: Amount; cpus?: Amount }): UsageEvent {
  const { seconds, cpus = 1, ...context } = use;
  const units = scaleAmount([seconds, cpus], secondsPerHour);
  const measured = { model: "compute", units, unitType: "cpu_hour" };
  return resource(context, measured, details({ seconds, cpus }));
}

/**
 * Queries of a database: 1 `query`, or as many as you say.
 *
 * @example
 * ```ts
 * tally.queue.add(resources.databaseQuery({ type: "SELECT", durationMs: 45 }));
 * ```
 */
function databaseQuery(use: ResourceContext & { type?: string; count?: number }): UsageEvent {
  const { type, count = 1, ...context } = use;
  return resource(context, { model: "database", units: count, unitType: "query" }, { type });
}

/**
 * One call of a serverless function: 1 `invocation`.
 *
 * @example
 * ```ts
 * tally.queue.add(resources.functionInvocation({ name: "sendEmail", durationMs: 120, memoryMb: 256 }));
 * ```
 */
function functionInvocation(
  use: ResourceContext & { name: string; memoryMb?: number },
): UsageEvent {
  const { name, memoryMb, ...context } = use;
  const measured = { model: "functions", units: 1, unitType: "invocation" };
  return resource(context, measured, { function: name, memory_mb: memoryMb });
}

/**
 * One run of an agent: 1 `execution`. {@link Tallybase.execution} logs the run itself.
 *
 * @example
 * ```ts
 * await tally.track(resources.agentExecution({ agentId: "agent-123" }));
 * ```
 */
function agentExecution(use: ResourceContext & { agentId?: string }): UsageEvent {
  const { agentId, ...context } = use;
  const measured = { model: "agent_execution", units: 1, unitType: "execution" };
  return resource(context, measured, { agent_id: agentId });
}

/** A model that is not paid by the token. */
type Generated = ResourceContext & { provider: string; model: string };

/**
 * Generated video: `second`.
 *
 * @example
 * ```ts
 * await tally.track(resources.video({ provider: "google", model: "veo-3", seconds: 8 }));
 * ```
 */
function video({ seconds, ...use }: Generated & { seconds: Amount }): UsageEvent {
  const units = scaleAmount([seconds], 1n);
  return resource(use, { model: "video", units, unitType: "second" });
}

/**
 * Spoken text: `character`, counted as Unicode characters of `text` unless you say how many.
 *
 * @example
 * ```ts
 * await tally.track(
 *   resources.speech({ provider: "elevenlabs", model: "eleven_flash_v2_5", text: "Hello!" }),
 * ); // 6 characters
 * ```
 */
function speech({
  text,
  characters,
  ...use
}: Generated & ({ text: string; characters?: never } | { text?: never; characters: number })) {
  const units = characters ?? Array.from(text ?? "").length;
  return resource(use, { model: "speech", units, unitType: "character" });
}

/**
 * Generated images: `image`.
 *
 * @example
 * ```ts
 * await tally.track(resources.image({ provider: "xai", model: "grok-imagine-image", count: 2 }));
 * ```
 */
function image({ count = 1, ...use }: Generated & { count?: number }): UsageEvent {
  return resource(use, { model: "image", units: count, unitType: "image" });
}

/** Amounts as they were said: JSON knows no bigint. */
function details(amounts: Record<string, Amount>): Record<string, unknown> {
  const entries = Object.entries(amounts);
  return Object.fromEntries(
    entries.map(([name, value]) => [name, typeof value === "bigint" ? String(value) : value]),
  );
}

/**
 * Events for what is not a model call, with their conversions: exact decimals, no floating point.
 * Hand them to {@link Tallybase.track}, {@link Tallybase.trackBatch} or the queue. The price is that of
 * provider `platform` and the resource's model (`storage`, `compute` …): set yours with `set_price`.
 *
 * @example
 * ```ts
 * tally.queue.add(resources.bandwidth({ bytes: 524_288_000 }));
 * ```
 */
export const resources = {
  apiRequest,
  storage,
  bandwidth,
  compute,
  databaseQuery,
  functionInvocation,
  agentExecution,
  video,
  speech,
  image,
} as const;
