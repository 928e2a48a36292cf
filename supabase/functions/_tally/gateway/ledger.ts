import { type Database, onlyRow } from "../database.ts";
import { isTransient, toTallyError } from "../errors.ts";
import type { TallyEvent } from "../merge-usage.ts";

/** A quota that a request would break. */
export interface BlockingQuota {
  quota_id: string;
  reason: "quota" | "unpriced" | "credit";
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
  input_tokens: number;
  max_output_tokens: number;
  expires_in: number;
  [attribution: string]: unknown;
}

/** The answer of reserve_usage and extend_hold. */
export interface Reservation {
  allowed: boolean;
  hold_id: string | null;
  expires_at: string | null;
  blocked_by: BlockingQuota | null;
}

/** What the database says of a recorded event; money stays text, exact. */
export interface Settlement {
  id: string;
  /** Null when no price was known. */
  cost_usd: string | null;
}

/** A call as far as quotas look at it. */
export interface Call {
  organization_id: string;
  provider: string;
  model: string;
  user_id?: string;
}

/** What is left of the tightest quota. */
export interface Headroom {
  metric: string;
  remaining: string;
}

/** The steps of a metered call, each one statement. */
export interface Ledger {
  /** Takes a hold; `classes` beside plain text may make the call dearer. */
  reserve(request: ReserveRequest, classes: string[]): Promise<Reservation>;
  /** Records what a call used, in full, whatever happens; `event.id` is the id it gets. */
  settle(holdId: string, event: TallyEvent & { id: string }): Promise<Settlement>;
  release(holdId: string): Promise<void>;
  extend(holdId: string, seconds: number): Promise<void>;
  /** Null when no quota applies. */
  headroom(call: Call): Promise<Headroom | null>;
  /** The event that a caller's own key names already; null when the key is new. */
  findByKey(organizationId: string, idempotencyKey: string): Promise<string | null>;
  isMember(userId: string, organizationId: string): Promise<boolean>;
  /** Notes what the provider made of a prompt that was counted here: later bounds learn from it. */
  noteTokenCount(provider: string, model: string, counted: number, billed: number): Promise<void>;
}

const RESERVE = "select public.reserve_usage($1::text::jsonb) as answer";

/** The bound of a call with audio, images and the like is stated, because the usual one is of text. */
const RESERVE_WITH_CLASSES = `
  select public.reserve_usage(r.request || coalesce((
    select jsonb_build_object('estimated_cost', u.cost_usd)
    from tally.upper_bound_cost(
      r.request ->> 'provider', r.request ->> 'model', (r.request ->> 'input_tokens')::bigint,
      (r.request ->> 'max_output_tokens')::bigint, (r.request ->> 'organization_id')::uuid,
      r.request ->> 'service_tier', now(), string_to_array($2, ',')) as u
  ), '{}')) as answer
  from (select $1::text::jsonb as request) as r`;

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
  async function settleOnce(holdId: string, event: TallyEvent): Promise<Settlement> {
    const rows = await insist(() =>
      database.query<Settlement>(
        `select answer ->> 'id' as id, answer ->> 'cost_usd' as cost_usd
         from public.settle_usage($1::text::uuid, $2::text::jsonb) as answer`,
        [holdId, JSON.stringify(event)],
      )
    );
    return onlyRow(rows);
  }
  return {
    async reserve(request, classes) {
      const parameters = [JSON.stringify(request), classes.join(",")];
      const rows = await database.query<{ answer: Reservation }>(
        classes.length === 0 ? RESERVE : RESERVE_WITH_CLASSES,
        classes.length === 0 ? parameters.slice(0, 1) : parameters,
      );
      return onlyRow(rows).answer;
    },
    async settle(holdId, event) {
      try {
        const settlement = await settleOnce(holdId, event);
        if (settlement.id === event.id) return settlement;
      } catch (error) {
        if (!event.idempotency_key || toTallyError(error).code !== "PT409") throw error;
      }
      // Two calls ran at once under one key of the caller. Both reached the provider, both are recorded.
      return await settleOnce(holdId, { ...event, idempotency_key: null });
    },
    async release(holdId) {
      await insist(() => database.query("select public.release_hold($1::text::uuid)", [holdId]));
    },
    async extend(holdId, seconds) {
      await database.query("select public.extend_hold($1::text::uuid, $2::text::integer)", [
        holdId,
        String(seconds),
      ]);
    },
    async headroom({ organization_id, provider, model, user_id }) {
      const [quota] = await database.query<{ metric: string | null; remaining: string | null }>(
        `select metric, remaining::text
         from public.check_quota($1::text::uuid, $2, $3, 0, 0, $4::text::uuid)`,
        [organization_id, provider, model, user_id ?? null],
      );
      return quota?.metric && quota.remaining !== null
        ? { metric: quota.metric, remaining: quota.remaining }
        : null;
    },
    async findByKey(organizationId, idempotencyKey) {
      const [known] = await database.query<{ event_id: string }>(
        `select event_id from tally.idempotency_keys
         where organization_id = $1::text::uuid and idempotency_key = $2`,
        [organizationId, idempotencyKey],
      );
      return known?.event_id ?? null;
    },
    async isMember(userId, organizationId) {
      const rows = await database.query<{ is_member: boolean }>(
        "select tally.role_in($1::text::uuid, $2::text::uuid) is not null as is_member",
        [userId, organizationId],
      );
      return onlyRow(rows).is_member;
    },
    async noteTokenCount(provider, model, counted, billed) {
      await database.query(
        "select tally.note_token_count($1, $2, $3::text::bigint, $4::text::bigint)",
        [provider, model, String(counted), String(billed)],
      );
    },
  };
}
