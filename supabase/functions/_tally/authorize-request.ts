import { type Database } from "./database.ts";
import { TallyError } from "./errors.ts";
import { decodePart, identifyUser, type IdentifyUserDeps } from "./identify-user.ts";
import { isServiceKey } from "./verify-service-key.ts";
import type { UserClaims } from "./database.ts";

/** What an API key may be used for. */
export type Scope = "track" | "gateway" | "estimate";

/** Who acts. */
export type Actor =
  | { kind: "service" }
  | { kind: "api_key"; apiKeyId: string; organizationId: string }
  | { kind: "user"; userId: string; claims: UserClaims };

/** What authorizing needs from outside. */
export interface AuthorizeDeps extends IdentifyUserDeps {
  database: Database;
}

/** Where SDKs put a key, in the order in which we look. */
const KEY_HEADERS = ["authorization", "x-api-key", "x-goog-api-key", "apikey"];
const JWT = /^[\w-]+\.[\w-]+\.[\w-]*$/;

/**
 * Finds out who sends a request: an API key (`tally_…`), the secret key (`sb_secret_…`) or a user's
 * token, in any header where an SDK puts its key.
 *
 * @throws {TallyError} PT401 for no, unknown or expired credentials; PT403 for a key without the scope.
 */
export async function authorizeRequest(
  request: Request,
  scope: Scope,
  deps: AuthorizeDeps,
): Promise<Actor> {
  const credential = findCredential(request.headers);
  if (credential === null) {
    const isInAddress = new URL(request.url).searchParams.has("key");
    throw new TallyError("PT401", "The request carries no key.", {
      hint: isInAddress ? `${NOT_IN_ADDRESS} ${WAYS_IN}` : WAYS_IN,
    });
  }
  if (credential.startsWith("tally_")) return await authorizeApiKey(credential, scope, deps);
  if (await isServiceKey(credential, deps.env)) return { kind: "service" };
  if (JWT.test(credential)) {
    const claims = await identifyUser(credential, deps);
    return { kind: "user", userId: claims.sub, claims };
  }
  throw new TallyError("PT401", "The key is not known.", { hint: WAYS_IN });
}

const WAYS_IN =
  "Send an API key (tally_…), the secret key, or a user's access token as Authorization: Bearer.";

const NOT_IN_ADDRESS = "One in the address (?key=) is not read: addresses end up in logs.";

/** The first credential that says who acts; a publishable key says only which project. */
export function findCredential(headers: Headers): string | null {
  for (const name of KEY_HEADERS) {
    const value = headers.get(name)?.trim();
    if (!value) continue;
    const credential = name === "authorization" ? /^bearer\s+(.+)$/i.exec(value)?.[1] : value;
    if (credential && !isPublishable(credential)) return credential;
  }
  return null;
}

/** Also the older kind, which is a token: clients send it beside the key that counts. */
function isPublishable(credential: string): boolean {
  if (!JWT.test(credential)) return credential.startsWith("sb_publishable_");
  return decodePart(credential.split(".")[1] ?? "")?.role === "anon";
}

async function authorizeApiKey(key: string, scope: Scope, deps: AuthorizeDeps): Promise<Actor> {
  const [row] = await deps.database.query<
    { api_key_id: string; organization_id: string; has_scope: boolean }
  >(
    "select api_key_id, organization_id, $2 = any (scopes) as has_scope from tally.verify_api_key($1)",
    [key, scope],
  );
  if (row === undefined) {
    throw new TallyError("PT401", "The API key is unknown, expired or revoked.", {
      hint: "Make a new one with create_api_key().",
    });
  }
  if (!row.has_scope) {
    throw new TallyError("PT403", `The API key may not be used for ${scope}.`, {
      hint: `Make a key whose scopes include ${scope}.`,
      details: "scopes",
    });
  }
  return { kind: "api_key", apiKeyId: row.api_key_id, organizationId: row.organization_id };
}
