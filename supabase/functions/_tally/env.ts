import { TallyError } from "./errors.ts";

/** Where and how one provider is reached. */
export interface ProviderEnv {
  /** Base URL with its version path, without a trailing slash; may carry a query. */
  baseUrl: string;
  /** The operator's key; null when only callers with their own key can use the provider. */
  apiKey: string | null;
  /** Header that carries the key instead of the provider's usual one, for Azure say; null: the usual. */
  keyHeader: string | null;
}

/** Each provider's name in the settings, and its address when they name none. */
const PROVIDERS = {
  openai: { setting: "OPENAI", fallback: "https://api.openai.com/v1" },
  anthropic: { setting: "ANTHROPIC", fallback: "https://api.anthropic.com/v1" },
  google: {
    setting: "GOOGLE",
    fallback: "https://generativelanguage.googleapis.com/v1beta",
  },
  xai: { setting: "XAI", fallback: "https://api.x.ai/v1" },
} as const;

/** A provider that the gateway can reach. */
export type ProviderName = keyof typeof PROVIDERS;

/** A path that the gateway passes on without metering it, because the operator says so. */
export interface FreePath {
  provider: ProviderName;
  method: "GET" | "POST";
  /** Below the provider's base URL; a `*` at its end stands for anything. */
  path: string;
}

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
  /** Largest form (audio, images to edit) that the gateway takes, in bytes. */
  gatewayMaxFormBytes: number;
  /** Paths passed on unmetered, beside those that cost nothing anyway. */
  gatewayFreePaths: FreePath[];
  /** Input tokens assumed of a conversation that the provider keeps and the request only names. */
  storedContextTokens: number;
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
    defaultMaxOutputTokens: readCount(
      read,
      "TALLY_DEFAULT_MAX_OUTPUT_TOKENS",
      4096,
    ),
    gatewayMaxBodyBytes: readCount(
      read,
      "TALLY_GATEWAY_MAX_BODY_BYTES",
      10 * 1024 * 1024,
    ),
    gatewayMaxFormBytes: readCount(
      read,
      "TALLY_GATEWAY_MAX_FORM_BYTES",
      26 * 1024 * 1024,
    ),
    gatewayFreePaths: readFreePaths(read, "TALLY_GATEWAY_FREE_PATHS"),
    storedContextTokens: readCount(
      read,
      "TALLY_STORED_CONTEXT_TOKENS",
      272_000,
    ),
    upstreamTimeoutMs: readCount(read, "TALLY_UPSTREAM_TIMEOUT_MS", 600_000),
  };
}

function readProviders(read: ReadVariable): Record<ProviderName, ProviderEnv> {
  const entries = Object.entries(PROVIDERS).map((
    [name, { setting, fallback }],
  ) => [
    name,
    {
      baseUrl: readUrl(read, `TALLY_${setting}_BASE_URL`, fallback),
      apiKey: read(`${setting}_API_KEY`) ?? null,
      keyHeader: readHeaderName(read, `TALLY_${setting}_KEY_HEADER`),
    },
  ]);
  return Object.fromEntries(entries);
}

function readHeaderName(read: ReadVariable, name: string): string | null {
  const value = read(name);
  if (value !== undefined && !/^[\w-]{1,64}$/.test(value)) {
    throw notConfigured(name, "is not the name of a header");
  }
  return value ?? null;
}

/** `openai GET /files*, openai POST /moderations`. */
function readFreePaths(read: ReadVariable, name: string): FreePath[] {
  const entries = read(name)?.split(",").map((entry) => entry.trim()).filter(Boolean) ?? [];
  return entries.map((entry) => {
    const [provider = "", method = "", path = "", ...more] = entry.split(/\s+/);
    const isGood = provider in PROVIDERS && /^(GET|POST)$/.test(method) &&
      path.startsWith("/") &&
      more.length === 0;
    if (!isGood) {
      throw notConfigured(
        name,
        "is not a list such as: openai GET /files*, openai POST /moderations",
      );
    }
    return { provider, method, path } as FreePath;
  });
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
