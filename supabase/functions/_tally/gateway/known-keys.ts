import { type Actor, findCredential } from "../authorize-request.ts";
import type { RequestContext } from "../handle-request.ts";

type KeyActor = Extract<Actor, { kind: "api_key" }>;

/** Long enough to spare a busy key its question, short enough to need no thought. */
const REMEMBER_MS = 30_000;

/**
 * API keys that were good a moment ago, kept by one isolate. It decides only whether a request is
 * worth reading and counting: the statement that admits the call verifies the key again, so a revoked
 * key ends at once. Bounded.
 */
export class KnownKeys {
  readonly #keys = new Map<string, { actor: KeyActor; until: number }>();
  readonly #limit: number;

  constructor(limit = 1_000) {
    this.#limit = limit;
  }

  /** Who acts, asked of the database where it is not known. */
  async authorize(context: RequestContext): Promise<CallerIdentity> {
    const { request, deps, log } = context;
    const credential = findCredential(request.headers);
    const key = credential?.startsWith("tally_") ? credential : null;
    const now = deps.now();
    const known = key === null ? undefined : this.#keys.get(key);
    if (key !== null && known !== undefined && known.until > now) {
      log.actor = known.actor.kind;
      return { actor: known.actor, apiKey: key };
    }
    const actor = await context.authorize();
    if (key !== null && actor.kind === "api_key") {
      this.#add(key, actor, now + REMEMBER_MS);
    }
    return { actor, apiKey: key };
  }

  /** After the database refused what was known. */
  forget(apiKey: string): void {
    this.#keys.delete(apiKey);
  }

  #add(key: string, actor: KeyActor, until: number): void {
    // A Map keeps insertion order: the first key is the oldest.
    const [oldest] = this.#keys.keys();
    if (this.#keys.size >= this.#limit && oldest !== undefined) {
      this.#keys.delete(oldest);
    }
    this.#keys.set(key, { actor, until });
  }
}

/** Who calls, and the API key by which that is known. */
export interface CallerIdentity {
  actor: Actor;
  apiKey: string | null;
}
