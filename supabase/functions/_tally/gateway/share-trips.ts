import { type Database, onlyRow } from "../database.ts";
import { isTransient } from "../errors.ts";
import type { TallyEvent } from "../merge-usage.ts";
import { PostgresError } from "../postgres/read-values.ts";
import { gatherCalls } from "./gather-calls.ts";
import type {
  Admission,
  GatewayCall,
  Refusal,
  ReserveRequest,
  Settlement,
  SettleMore,
} from "./ledger.ts";

/** The two statements of a metered call. */
export interface CallTrips {
  admit(request: ReserveRequest, call: GatewayCall): Promise<Admission | Refusal>;
  settle(holdId: string, event: TallyEvent, more: SettleMore): Promise<Settlement>;
}

type ToAdmit = [request: ReserveRequest, call: GatewayCall];
type ToSettle = [holdId: string, event: TallyEvent, more: SettleMore];

const TRIP = {
  /** A transaction of so many calls keeps the locks of the first for a few milliseconds. */
  most: 16,
  isUndone: isRolledBack,
  now: () => performance.now(),
};

/** What admission looks quotas up by: calls that agree in it lock the same rows. */
const SCOPE = ["organization_id", "user_id", "api_key_id", "provider", "model", "tool_name"];

/**
 * Calls that come together share a transaction: what a call costs there is mostly the transaction
 * itself, its flush and its round trip, and what is the same for all. Only calls that lock the same rows
 * are admitted together, so that nobody waits for a row while holding another out of order; and
 * whatever a trip fails with, it is about callers of one organization. A call with a key of its caller
 * goes by itself: the key may be used up, or under way elsewhere.
 */
export function shareTrips(database: Database): CallTrips {
  const admitting = gatherCalls((calls: ToAdmit[]) => admitCalls(database, calls), TRIP);
  const settling = gatherCalls((calls: ToSettle[]) => settleCalls(database, calls), TRIP);
  return {
    async admit(request, call) {
      if (call.idempotency_key !== undefined) return await admitCall(database, [request, call]);
      const lane = JSON.stringify([SCOPE.map((name) => request[name]), call]);
      return await admitting(lane, [request, call]);
    },
    async settle(holdId, event, more) {
      if (event.idempotency_key) return await settleCall(database, [holdId, event, more]);
      return await settling(String(event.organization_id), [holdId, event, more]);
    },
  };
}

async function admitCall(
  database: Database,
  [request, call]: ToAdmit,
): Promise<Admission | Refusal> {
  const { answer } = onlyRow(
    await database.query<{ answer: Admission | Refusal }>(
      "select tally.admit_gateway_call($1::text::jsonb, $2::text::jsonb) as answer",
      [JSON.stringify(request), JSON.stringify(call)],
    ),
  );
  return answer;
}

async function admitCalls(
  database: Database,
  calls: ToAdmit[],
): Promise<(Admission | Refusal | Error)[]> {
  const [only] = calls;
  if (only !== undefined && calls.length === 1) return [await admitCall(database, only)];
  const rows = await database.query<{ answer: Admission | Refusal | { error: CallError } }>(
    "select answer from tally.admit_gateway_calls($1::text::jsonb) as answer",
    [JSON.stringify(calls)],
  );
  return rows.map(({ answer }) => "error" in answer ? errorOf(answer.error) : answer);
}

async function settleCall(
  database: Database,
  [holdId, event, more]: ToSettle,
): Promise<Settlement> {
  return onlyRow(
    await database.query<Settlement>(
      `select answer ->> 'id' as id, answer ->> 'cost_usd' as cost_usd,
         answer ->> 'remaining' as remaining
       from tally.settle_gateway_call($1::text::uuid, $2::text::jsonb, $3::text::jsonb) as answer`,
      [holdId, JSON.stringify(event), JSON.stringify(more)],
    ),
  );
}

async function settleCalls(
  database: Database,
  calls: ToSettle[],
): Promise<(Settlement | Error)[]> {
  const [only] = calls;
  if (only !== undefined && calls.length === 1) return [await settleCall(database, only)];
  const rows = await database.query<Settlement & { error: CallError | null }>(
    "select id, cost_usd, remaining, error from tally.settle_gateway_calls($1::text::jsonb)",
    [JSON.stringify(calls)],
  );
  return rows.map(({ error, ...settlement }) => error === null ? settlement : errorOf(error));
}

/** What was wrong with one call of several, as the server says it. */
interface CallError {
  code: string;
  message: string;
  detail: string;
  hint: string;
}

function errorOf({ code, message, detail, hint }: CallError): PostgresError {
  return new PostgresError(code, message, { detail, hint });
}

/** Refused by the server, not lost on the way: a hold must not be taken twice. */
function isRolledBack(error: unknown): boolean {
  const { code = "" } = error as { code?: string };
  return !isTransient(error) || /^40/.test(code);
}
