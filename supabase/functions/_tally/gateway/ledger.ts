import type { Database } from "../database.ts";
import { isTransient, toTallyError } from "../errors.ts";
import type { TallyEvent } from "../merge-usage.ts";
import { shareTrips } from "./share-trips.ts";

/** A quota that a request would break. */
export interface BlockingQuota {
  /** Null for the cap on a single call. */
  quota_id: string | null;
  reason: "quota" | "unpriced" | "credit" | "call";
  metric: string;
  quota_type: string;
  quota_limit: number;
  current_usage: number;
  reserved: number;
  remaining: number;
  requested: number | null;
  reset_at: string | null;
}

/** What reserve_usage takes: these and the attribution. */
export interface ReserveRequest {
  organization_id: string;
  provider: string;
  model: string;
  service_tier: string | null;
  input_tokens?: number;
  max_output_tokens?: number;
  units?: number;
  unit_type?: string;
  expires_in: number;
  [attribution: string]: unknown;
}

/** What the admission of a call looks at beside its request. A key that is there is true. */
export interface GatewayCall {
  /** The key that the caller sent, which is verified again. */
  api_key?: string;
  /** The user who must belong to the organization. */
  member_id?: string;
  /** The caller's own key for the call, which must be new. */
  idempotency_key?: string;
  /** Classes beside plain text that some tokens may be billed as, with commas between them. */
  classes?: string;
  /** The caller brought a provider key. */
  has_own_key?: true;
  /** The operator has a provider key. */
  has_operator_key?: true;
  /** Nothing is held: the call costs nothing. */
  is_free?: true;
  /** The same request goes to another model, so that its rate is not counted again. */
  is_fallback?: true;
}

/** An admitted call. */
export interface Admission {
  allowed: true;
  /** Absent for a call that costs nothing. */
  hold_id?: string;
  /** The organization's own key for the provider. */
  provider_key?: string;
  /** How often a call that fails with 429 or 5xx is sent again. */
  retries: number;
  /** The model that is asked after that. */
  fallback?: string;
  headroom?: Headroom;
}

/** A call that may not be made. */
export type Refusal =
  | { allowed: false; refused_by: "quota"; blocked_by: BlockingQuota | null }
  | {
    allowed: false;
    refused_by: "rate";
    retry_after: number;
    requests_per_minute: number;
  }
  | { allowed: false; refused_by: "key" };

/** What the database says of a recorded event; money stays text, exact. */
export interface Settlement {
  id: string;
  /** Null when no price was known. */
  cost_usd: string | null;
  /** What is left of the tightest quota; null where there is none. */
  remaining: string | null;
}

/** What is recorded in one transaction with a call. */
export interface SettleMore {
  /** Events of other models that the same answer used. */
  others?: TallyEvent[];
  /** Tokens of the prompt as counted here, and the model that they were counted for. */
  counted_tokens?: number;
  counted_model?: string;
  headroom?: Headroom;
  /** The hold was ended by somebody else: the event is recorded by itself. */
  is_late?: true;
}

/** What is left of the tightest quota beside the hold of a call, and what the hold keeps of it; exact. */
export interface Headroom {
  metric: string;
  remaining: string;
  held?: string;
}

/** The steps of a metered call, each one statement. */
export interface Ledger {
  /** Checks the caller and the policies, and takes a hold. */
  admit(
    request: ReserveRequest,
    call: GatewayCall,
  ): Promise<Admission | Refusal>;
  /** Records what a call used, in full, whatever happens; `event.id` is the id it gets. */
  settle(
    holdId: string,
    event: TallyEvent & { id: string },
    more?: SettleMore,
  ): Promise<Settlement>;
  release(holdId: string): Promise<void>;
  extend(holdId: string, seconds: number): Promise<void>;
}

/** Tries of a step that must not be lost; with the pauses between them about 10 s. */
const TRIES = 6;
const FIRST_PAUSE_MS = 150;

/**
 * The ledger in Postgres. Ending a hold is idempotent there, so these steps are sent again when the
 * connection broke; a reservation is not, its caller answers "try again" instead.
 */
export function openLedger(
  database: Database,
  wait: (ms: number) => Promise<void> = (ms) => new Promise((done) => setTimeout(done, ms)),
): Ledger {
  const trips = shareTrips(database);
  async function insist<Result>(step: () => Promise<Result>): Promise<Result> {
    for (let attempt = 1;; attempt++) {
      try {
        return await step();
      } catch (error) {
        if (attempt === TRIES || !isTransient(error)) throw toTallyError(error);
        await wait(FIRST_PAUSE_MS * 2 ** (attempt - 1) * (0.5 + Math.random()));
      }
    }
  }
  const settle: Ledger["settle"] = async (holdId, event, more = {}) => {
    try {
      const settlement = await insist(() => trips.settle(holdId, event, more));
      if (settlement.id === event.id || !event.idempotency_key) return settlement;
    } catch (error) {
      const { code } = toTallyError(error);
      const isEnded = code === "PT410" || code === "PT409" && !event.idempotency_key;
      // The hold was given back or settled meanwhile, but the call was made.
      if (isEnded && !more.is_late) return await settle(holdId, event, { ...more, is_late: true });
      if (code === "PT400" && event.request_metadata !== undefined) {
        // What is said about a call may be unfit to be kept; what it used is recorded all the same.
        const { request_metadata: _unfit, ...plain } = event;
        return await settle(holdId, plain as typeof event, more);
      }
      if (isEnded || code !== "PT409") throw error;
    }
    // Two calls ran at once under one key of the caller. Both reached the provider, both are recorded.
    return await settle(holdId, { ...event, idempotency_key: null }, more);
  };
  return {
    admit: (request, call) => trips.admit(request, call),
    settle,
    async release(holdId) {
      await insist(() => database.query("select public.release_hold($1::text::uuid)", [holdId]));
    },
    async extend(holdId, seconds) {
      await database.query(
        "select public.extend_hold($1::text::uuid, $2::text::integer)",
        [
          holdId,
          String(seconds),
        ],
      );
    },
  };
}
