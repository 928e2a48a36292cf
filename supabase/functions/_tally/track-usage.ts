import type { Actor } from "./authorize-request.ts";
import { type Database, onlyRow } from "./database.ts";
import { TallyError, toTallyError, type WireError } from "./errors.ts";
import { eventSchema, toFieldError } from "./event-schema.ts";
import type { RequestContext } from "./handle-request.ts";
import type { TallyEvent } from "./merge-usage.ts";
import { prepareEvents } from "./prepare-event.ts";
import { isJsonObject, parseJsonObject, readBody } from "./read-body.ts";
import { readTranscript } from "./track-transcript.ts";

/** An event of a batch that was not recorded: its place in the batch, and why. */
type Rejection = { index: number; field: string | null } & Pick<WireError, "code" | "message">;

/**
 * `POST` one event, `{ events: [...] }`, or the transcript of a stream. Answers what `track_usage` or `track_usage_batch` answers.
 *
 * @throws {TallyError} PT400 naming the field; in a batch a bad event is named in `rejected` instead.
 */
export async function trackUsage(context: RequestContext): Promise<Response> {
  context.allowMethods("POST");
  const actor = await context.authorize();
  const answer = await track(context, actor);
  return new Response(answer, { headers: { "content-type": "application/json" } });
}

async function track(context: RequestContext, actor: Actor): Promise<string> {
  const { request, deps: { database } } = context;
  if (/^text\/event-stream\b/i.test(request.headers.get("content-type") ?? "")) {
    return await recordCall(await readTranscript(request, actor), actor, database, context);
  }
  const body = parseJsonObject(await readBody(request));
  return "events" in body
    ? await trackBatch(body, actor, database, context)
    : await recordCall(prepareOne(body, actor), actor, database, context);
}

/** Records one call: usually one event. */
async function recordCall(
  events: TallyEvent[],
  actor: Actor,
  database: Database,
  { log }: RequestContext,
): Promise<string> {
  log.events = events.length;
  if (events.length === 1) {
    return await callAs(
      actor,
      database,
      "select public.track_usage($1::text::jsonb)::text as answer",
      events[0],
    );
  }
  // All of one call's events in one transaction; the answer is that of the call itself.
  return await callAs(
    actor,
    database,
    `select public.track_usage(event)::text as answer
     from jsonb_array_elements($1::text::jsonb) as event`,
    events,
  );
}

async function trackBatch(
  body: Record<string, unknown>,
  actor: Actor,
  database: Database,
  { log }: RequestContext,
): Promise<string> {
  const unknown = Object.keys(body).find((name) => name !== "events");
  if (unknown !== undefined) {
    throw new TallyError("PT400", `${unknown} is not a known field.`, {
      hint: "A batch is { events: [...] } and nothing else.",
      details: unknown,
    });
  }
  if (!Array.isArray(body.events)) {
    throw new TallyError("PT400", "events must be an array.", {
      hint: "Send { events: [...] }, or one event by itself.",
      details: "events",
    });
  }
  log.events = body.events.length;
  const good: TallyEvent[] = [];
  /** For each good event, its place in the caller's batch. */
  const places: number[] = [];
  const rejected: Rejection[] = [];
  for (const [index, item] of body.events.entries()) {
    try {
      for (const event of prepareOne(item, actor)) {
        good.push(event);
        places.push(index);
      }
    } catch (thrown) {
      const { code, details, message } = toTallyError(thrown);
      rejected.push({ index, code, field: details ?? null, message });
    }
  }
  const answer = JSON.parse(
    await callAs(
      actor,
      database,
      "select public.track_usage_batch($1::text::jsonb)::text as answer",
      good,
    ),
  ) as { rejected: Rejection[] };
  for (const rejection of answer.rejected) {
    rejected.push({ ...rejection, index: places[rejection.index] ?? rejection.index });
  }
  rejected.sort((a, b) => a.index - b.index);
  return JSON.stringify({ ...answer, rejected });
}

function prepareOne(item: unknown, actor: Actor): TallyEvent[] {
  if (!isJsonObject(item)) {
    throw new TallyError("PT400", "An event must be a JSON object.");
  }
  const parsed = eventSchema.safeParse(item);
  if (!parsed.success) throw toFieldError(parsed.error);
  return prepareEvents(parsed.data, actor);
}

/** One SQL function, one transaction. The answer stays text, so that money keeps every digit. */
async function callAs(
  actor: Actor,
  database: Database,
  statement: string,
  argument: unknown,
): Promise<string> {
  const parameters = [JSON.stringify(argument)];
  const rows = actor.kind === "user"
    ? await database.queryAs<{ answer: string }>(actor.claims, statement, parameters)
    : await database.query<{ answer: string }>(statement, parameters);
  return onlyFirst(rows);
}

function onlyFirst(rows: { answer: string }[]): string {
  return onlyRow(rows.slice(0, 1)).answer;
}
