/** What goes wrong with one request: before the database saw it, or after it committed. */
export type Fault =
  | "refused"
  | "reset after commit"
  | "500 before commit"
  | "500 after commit"
  | "503"
  | "429"
  | "never answers"
  | "a proxy's page";

/** One request as it arrived. */
export interface SeenRequest {
  path: string;
  headers: Headers;
  body: Record<string, unknown>;
}

type WireEvent = Record<string, unknown> & { id: string };

/**
 * A project behind a `fetch` of its own: it keeps events by id as the database does, holds, and the
 * faults that a test asks for.
 */
export function fakeProject() {
  const events = new Map<string, WireEvent>();
  const holds = new Map<string, "open" | "settled" | "released">();
  const holdsByKey = new Map<string, string>();
  const requests: SeenRequest[] = [];
  const faults: (Fault | null)[] = [];
  const answers = new Map<string, (body: Record<string, unknown>) => Response>();

  const record = (event: WireEvent) => {
    if (event.provider === "") return refuse(400, "PT400", "provider is missing.");
    const status = events.has(event.id) ? "duplicate" : "recorded";
    events.set(event.id, event);
    const input_tokens = Number(event.input_tokens ?? 0);
    const output_tokens = Number(event.output_tokens ?? 0);
    return Response.json({
      id: event.id,
      status,
      cost_usd: (input_tokens + 4 * output_tokens) / 1e6,
      input_tokens,
      output_tokens,
      total_tokens: input_tokens + output_tokens,
      price_id: 7,
    });
  };

  const functions: Record<string, (body: Record<string, unknown>) => Response> = {
    track_usage: ({ event }) => record(event as WireEvent),
    track: (event) => record(event as WireEvent),
    track_usage_batch: ({ events: batch }) => {
      const answer = { recorded: 0, duplicates: 0, rejected: [] as object[] };
      for (const [index, event] of (batch as WireEvent[]).entries()) {
        if (event.provider === "") {
          answer.rejected.push({ index, code: "PT400", message: "provider is missing." });
        } else if (events.has(event.id)) answer.duplicates++;
        else {
          events.set(event.id, event);
          answer.recorded++;
        }
      }
      return Response.json(answer);
    },
    reserve_usage: ({ request }) => {
      const key = String((request as Record<string, unknown>).idempotency_key);
      const hold_id = holdsByKey.get(key) ?? `hold-${holds.size + 1}`;
      holdsByKey.set(key, hold_id);
      if (!holds.has(hold_id)) holds.set(hold_id, "open");
      const expires_at = new Date(Date.now() + 300_000).toISOString();
      return Response.json({ allowed: true, hold_id, expires_at, blocked_by: null });
    },
    settle_usage: ({ hold_id, event, final }) => {
      if (final) holds.set(String(hold_id), "settled");
      return record(event as WireEvent);
    },
    release_hold: ({ hold_id }) => {
      holds.set(String(hold_id), "released");
      return Response.json({ hold_id, state: "released" });
    },
    extend_hold: ({ hold_id }) => {
      const expires_at = new Date(Date.now() + 300_000).toISOString();
      return Response.json({ allowed: true, hold_id, expires_at, blocked_by: null });
    },
  };

  const respond = (path: string, body: Record<string, unknown>): Response => {
    const name = path.split("/").at(-1) ?? "";
    const answer = answers.get(name) ?? functions[name];
    return answer ? answer(body) : refuse(404, "PGRST202", `There is no function ${name}.`);
  };

  const fake: typeof fetch = async (input, init) => {
    const { pathname } = new URL(String(input));
    const body = JSON.parse(String(init?.body));
    requests.push({ path: pathname, headers: new Headers(init?.headers), body });
    switch (faults.shift()) {
      case "refused":
        throw new TypeError("fetch failed", { cause: new Error("connect ECONNREFUSED") });
      case "reset after commit":
        respond(pathname, body);
        throw new TypeError("fetch failed", { cause: new Error("read ECONNRESET") });
      case "500 before commit":
        return refuse(500, "XX000", "internal error");
      case "500 after commit":
        respond(pathname, body);
        return refuse(500, "XX000", "internal error");
      case "503":
        return refuse(503, "PT503", "The database cannot answer now.");
      case "429":
        return new Response("slow down", { status: 429 });
      case "never answers":
        return new Promise<Response>(() => {});
      case "a proxy's page":
        return new Response("<html>Sign in to the network</html>", { status: 200 });
      default:
        return respond(pathname, body);
    }
  };

  return {
    fetch: fake,
    events,
    holds,
    requests,
    /** The next requests go wrong in this way, in this order; null for one that goes right. */
    failWith: (...next: (Fault | null)[]) => void faults.push(...next),
    /** Replaces the answer of one function. */
    answer: (name: string, answer: (body: Record<string, unknown>) => Response) =>
      void answers.set(name, answer),
    /** Takes such an answer back. */
    restore: (name: string) => void answers.delete(name),
    /** How often one function was called. */
    count: (name: string) => requests.filter(({ path }) => path.endsWith(`/${name}`)).length,
  };
}

/** The project of a test. */
export type FakeProject = ReturnType<typeof fakeProject>;

/** An error as PostgREST writes it. */
export function refuse(status: number, code: string, message: string): Response {
  return Response.json({ code, message, details: null, hint: null }, { status });
}
