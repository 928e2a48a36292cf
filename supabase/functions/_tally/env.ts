import { TallyError } from "./errors.ts";

/** Where and how one provider is reached. */
export interface ProviderEnv {
  /** Base URL with its version path, without a trailing slash; may carry a query. */
  baseUrl: string;
  /** The operator's key; null when only callers with their own key can use the provider. */
  apiKey: string | null;
}

/** Where each provider's settings are, and its address when they name none. */
const PROVIDERS = {
  openai: {
    url: "TALLY_OPENAI_BASE_URL",
    key: "OPENAI_API_KEY",
    fallback: "https://api.openai.com/v1",
  },
} as const;

/** A provider that the gateway can reach. */
export type ProviderName = keyof typeof PROVIDERS;

/** Everything that the functions read from their environment. */
export interface TallyEnv {
  databaseUrl: string;
  /** Connections that one isolate may hold. */
  databasePoolSize: number;
  supabaseUrl: string;
  /** Name to value of the keys that act as the service. */
  secretKeys: Record<string, string>;
  /** Sent to Auth as `apikey` beside a user's token; null when none is configured. */
  publishableKey: string | null;
  /** The providers of the gateway, by name. */
  providers: Record<ProviderName, ProviderEnv>;
  /** Output token limit put into a request that names none. */
  defaultMaxOutputTokens: number;
  /** Largest request body that the gateway takes, in bytes. */
  gatewayMaxBodyBytes: number;
  /** How long a provider may stay silent before the call counts as timed out, in ms. */
  upstreamTimeoutMs: number;
}

/** Reads one variable of the environment. */
export type ReadVariable = (name: string) => string | undefined;

/**
 * Reads and validates the environment.
 *
 * @throws {TallyError} PT503 naming the variable that is missing or wrong.
 */
export function readEnv(variable: ReadVariable): TallyEnv {
  const read = (name: string) => variable(name)?.trim() || undefined;
  return {
    databaseUrl: requireUrl(read, ["TALLY_DB_URL", "SUPABASE_DB_URL"]),
    databasePoolSize: readCount(read, "TALLY_DB_POOL_SIZE", 8),
    supabaseUrl: requireUrl(read, ["SUPABASE_URL"]),
    secretKeys: readSecretKeys(read),
    publishableKey: readPublishableKey(read),
    providers: readProviders(read),
    defaultMaxOutputTokens: readCount(read, "TALLY_DEFAULT_MAX_OUTPUT_TOKENS", 4096),
    gatewayMaxBodyBytes: readCount(read, "TALLY_GATEWAY_MAX_BODY_BYTES", 1024 * 1024),
    upstreamTimeoutMs: readCount(read, "TALLY_UPSTREAM_TIMEOUT_MS", 600_000),
  };
}

function readProviders(read: ReadVariable): Record<ProviderName, ProviderEnv> {
  const entries = Object.entries(PROVIDERS).map(([name, { url, key, fallback }]) => [
    name,
    { baseUrl: readUrl(read, url, fallback), apiKey: read(key) ?? null },
  ]);
  return Object.fromEntries(entries);
}

function notConfigured(name: string, problem: string): TallyError {
  return new TallyError("PT503", `${name} ${problem}.`, {
    hint: "The operator sets it among the secrets of the edge functions.",
    details: name,
  });
}

function requireUrl(read: ReadVariable, names: [string, ...string[]]): string {
  const name = names.find((candidate) => read(candidate) !== undefined);
  if (name === undefined) throw notConfigured(names.join(" or "), "is not set");
  return readUrl(read, name, "");
}

function readUrl(read: ReadVariable, name: string, fallback: string): string {
  const value = read(name) ?? fallback;
  if (!URL.canParse(value)) throw notConfigured(name, "is not a URL");
  return value.replace(/\/+$/, "");
}

function readCount(read: ReadVariable, name: string, fallback: number): number {
  const value = Number(read(name) ?? fallback);
  if (!Number.isSafeInteger(value) || value < 1) {
    throw notConfigured(name, "is not a whole number above zero");
  }
  return value;
}

/** Named keys as hosted Supabase gives them, and the single older variables. */
function readSecretKeys(read: ReadVariable): Record<string, string> {
  const keys = readKeys(read, "SUPABASE_SECRET_KEYS");
  const single = read("SUPABASE_SECRET_KEY");
  const legacy = read("SUPABASE_SERVICE_ROLE_KEY");
  return {
    ...(legacy !== undefined && { service_role: legacy }),
    ...(single !== undefined && { single }),
    ...keys,
  };
}

function readPublishableKey(read: ReadVariable): string | null {
  const keys = readKeys(read, "SUPABASE_PUBLISHABLE_KEYS");
  return (
    keys.default ??
      Object.values(keys)[0] ??
      read("SUPABASE_PUBLISHABLE_KEY") ??
      read("SUPABASE_ANON_KEY") ??
      null
  );
}

function readKeys(read: ReadVariable, name: string): Record<string, string> {
  const text = read(name);
  if (text === undefined) return {};
  try {
    const keys: unknown = JSON.parse(text);
    if (keys !== null && typeof keys === "object" && !Array.isArray(keys)) {
      return Object.fromEntries(
        Object.entries(keys).filter((entry): entry is [string, string] =>
          typeof entry[1] === "string" && entry[1] !== ""
        ),
      );
    }
  } catch {
    // Answered below, without the value: it holds keys.
  }
  throw notConfigured(name, "is not a JSON object of names and keys");
}
