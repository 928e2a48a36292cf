import type { UserClaims } from "./database.ts";
import type { TallyEnv } from "./env.ts";
import { TallyError } from "./errors.ts";
import { isJsonObject, type JsonObject } from "./read-body.ts";

/** What identifying a user needs from outside. */
export interface IdentifyUserDeps {
  env: Pick<TallyEnv, "secretKeys" | "supabaseUrl" | "publishableKey">;
  fetch: typeof fetch;
  /** Milliseconds since 1970. */
  now: () => number;
  /** Answers of Auth, by the hash of the token: shared by the requests of one isolate. */
  knownUsers: KnownUsers;
}

const REMEMBER_MS = 60_000;
const AUTH_TIMEOUT_MS = 5_000;

/** Users that Auth vouched for a moment ago; the end of a token is looked at before. Bounded. */
export class KnownUsers {
  readonly #users = new Map<string, { claims: UserClaims; until: number }>();
  readonly #limit: number;

  constructor(limit = 1_000) {
    this.#limit = limit;
  }

  get(hash: string, now: number): UserClaims | undefined {
    const known = this.#users.get(hash);
    if (known === undefined || known.until > now) return known?.claims;
    this.#users.delete(hash);
    return undefined;
  }

  add(hash: string, claims: UserClaims, until: number): void {
    // A Map keeps insertion order: the first key is the oldest.
    const [oldest] = this.#users.keys();
    if (this.#users.size >= this.#limit && oldest !== undefined) this.#users.delete(oldest);
    this.#users.set(hash, { claims, until });
  }

  get size(): number {
    return this.#users.size;
  }
}

/**
 * Verifies a user's access token: with the project's public keys when one signed it, otherwise by
 * asking Auth, whose answer is remembered for a minute.
 *
 * @throws {TallyError} PT401 when it is expired or not valid, PT503 when Auth cannot be asked.
 */
export async function identifyUser(token: string, deps: IdentifyUserDeps): Promise<UserClaims> {
  const [header, claims] = token.split(".", 2).map(decodePart);
  if (!header || !claims || !isUserClaims(claims)) throw invalidToken();
  const expiresAt = typeof claims.exp === "number" ? claims.exp * 1000 : 0;
  if (expiresAt <= deps.now()) {
    throw new TallyError("PT401", "The access token has expired.", {
      hint: "Refresh the session and send the new token.",
    });
  }
  if (isSignedByKeyPair(header) && await verifyWithPublicKeys(token, deps)) return claims;
  const hash = await sha256(token);
  const known = deps.knownUsers.get(hash, deps.now());
  if (known !== undefined) return known;
  await askAuth(token, claims.sub, deps);
  deps.knownUsers.add(hash, claims, deps.now() + REMEMBER_MS);
  return claims;
}

/** A shared secret is nowhere to be read, even where its tokens name it. */
function isSignedByKeyPair({ alg, kid }: JsonObject): boolean {
  return typeof kid === "string" && typeof alg === "string" && !alg.startsWith("HS");
}

/** False when the public keys cannot be had; then Auth is asked. */
async function verifyWithPublicKeys(token: string, deps: IdentifyUserDeps): Promise<boolean> {
  const { verifyCredentials } = await import("@supabase/server/core");
  const { error } = await verifyCredentials({ token, apikey: null }, {
    auth: "user",
    env: { url: deps.env.supabaseUrl },
  });
  if (error !== null && error.status < 500) throw invalidToken(error);
  return error === null;
}

async function askAuth(token: string, userId: string, deps: IdentifyUserDeps): Promise<void> {
  const apikey = deps.env.publishableKey ?? Object.values(deps.env.secretKeys)[0] ?? "";
  let response: Response;
  try {
    response = await deps.fetch(`${deps.env.supabaseUrl}/auth/v1/user`, {
      headers: { authorization: `Bearer ${token}`, apikey },
      signal: AbortSignal.timeout(AUTH_TIMEOUT_MS),
    });
  } catch (cause) {
    throw authUnavailable(cause);
  }
  const user: unknown = await response.json().catch(() => null);
  if (response.status >= 500 || response.status === 429) throw authUnavailable();
  if (!response.ok || !isJsonObject(user) || user.id !== userId) throw invalidToken();
}

/** Only what Auth signed in for this project; a legacy service key is compared elsewhere. */
function isUserClaims(claims: JsonObject): claims is UserClaims {
  return typeof claims.sub === "string" && claims.sub !== "" && claims.role === "authenticated";
}

function invalidToken(cause?: unknown): TallyError {
  return new TallyError("PT401", "The access token is not valid.", {
    hint: "Sign in and send the session's access token.",
    cause,
  });
}

function authUnavailable(cause?: unknown): TallyError {
  return new TallyError("PT503", "Auth cannot check the access token now.", {
    hint: "Try again in a moment.",
    headers: { "retry-after": "1" },
    cause,
  });
}

/** The JSON object in one part of a token; null where there is none. */
export function decodePart(part: string): JsonObject | null {
  try {
    const binary = atob(part.replaceAll("-", "+").replaceAll("_", "/"));
    const bytes = Uint8Array.from(binary, (character) => character.charCodeAt(0));
    const value: unknown = JSON.parse(new TextDecoder().decode(bytes));
    return isJsonObject(value) ? value : null;
  } catch {
    return null;
  }
}

async function sha256(text: string): Promise<string> {
  const digest = await crypto.subtle.digest("SHA-256", new TextEncoder().encode(text));
  return Array.from(new Uint8Array(digest), (byte) => byte.toString(16).padStart(2, "0")).join("");
}
