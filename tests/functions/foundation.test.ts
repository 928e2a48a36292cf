import { readdirSync, readFileSync } from "node:fs";
import { expect, test } from "vitest";
import { readEnv } from "../../supabase/functions/_tally/env.ts";
import { isTransient, TallyError, toTallyError } from "../../supabase/functions/_tally/errors.ts";
import { handleRequests } from "../../supabase/functions/_tally/handle-request.ts";
import { mintId } from "../../supabase/functions/_tally/mint-id.ts";
import { databaseError, ENVIRONMENT, fakeDatabase, logsOf } from "./support.ts";

const FUNCTIONS = new URL("../../supabase/functions/", import.meta.url);

test("an error that SQL raised keeps its words, its field and its way out", () => {
  const error = toTallyError(
    databaseError("PT409", "This key names another event.", { detail: "key k", hint: "New key." }),
  );

  expect(error.status).toBe(409);
  expect(error.toWire()).toEqual({
    code: "PT409",
    message: "This key names another event.",
    hint: "New key.",
    details: "key k",
  });
});

for (const [sqlstate, code] of [
  ["22P02", "PT400"],
  ["23514", "PT400"],
  ["42501", "PT403"],
  ["57014", "PT503"],
  ["08006", "PT503"],
  ["53300", "PT503"],
  ["40P01", "PT503"],
  ["ECONNREFUSED", "PT503"],
  ["CONNECT_TIMEOUT", "PT503"],
  ["CONNECTION_CLOSED", "PT503"],
  ["XX000", "PT500"],
  ["42883", "PT500"],
]) {
  test(`${sqlstate} becomes ${code}`, () => {
    const error = toTallyError(databaseError(String(sqlstate), "inside words"));

    expect(error.code).toBe(code);
    expect(isTransient(error)).toBe(code === "PT503");
    expect(error.message.includes("inside words")).toBe(code === "PT400");
  });
}

test("the environment is read once and its gaps are named", () => {
  const read = (changes: Record<string, string | undefined>) => {
    const all: Record<string, string | undefined> = { ...ENVIRONMENT, ...changes };
    return readEnv((name) => all[name]);
  };

  expect(read({ TALLY_DB_URL: "postgres://own.invalid/db" }).databaseUrl).toContain("own.invalid");
  expect(read({ TALLY_OPENAI_BASE_URL: undefined }).providers.openai.baseUrl).toBe(
    "https://api.openai.com/v1",
  );
  for (const [name, value] of [
    ["SUPABASE_DB_URL", undefined],
    ["SUPABASE_URL", "not a url"],
    ["SUPABASE_SECRET_KEYS", "sb_secret_not_json"],
    ["TALLY_DEFAULT_MAX_OUTPUT_TOKENS", "many"],
  ] as const) {
    const attempt = () => read({ [name]: value });
    expect(attempt).toThrow(name);
    expect(attempt).not.toThrow("sb_secret_not_json");
    expect(attempt).toThrow(TallyError);
  }
});

test("an id minted here is a v7 uuid that holds its moment", () => {
  const now = Date.parse("2026-11-23T12:34:56.789Z");
  const { id, createdAt } = mintId(now);

  expect(id).toMatch(/^[0-9a-f]{8}-[0-9a-f]{4}-7[0-9a-f]{3}-[89ab][0-9a-f]{3}-[0-9a-f]{12}$/);
  expect(Number.parseInt(id.replaceAll("-", "").slice(0, 12), 16)).toBe(now);
  expect(createdAt).toBe("2026-11-23T12:34:56.789Z");
});

function serve(handle: () => Promise<Response>) {
  return handleRequests(
    { name: "demo", scope: "track", handle },
    { variable: (name) => ENVIRONMENT[name], database: fakeDatabase({}) },
  );
}

const url = "http://functions.invalid/demo";

test("browsers may call from anywhere and read our headers", async () => {
  const answer = serve(async () => new Response("ok"));
  const preflight = await answer(
    new Request(url, {
      method: "OPTIONS",
      headers: { "access-control-request-headers": "authorization, x-tally-tool" },
    }),
  );

  expect(preflight.status).toBe(204);
  expect(preflight.headers.get("access-control-allow-headers")).toBe("authorization, x-tally-tool");
  const lines = await logsOf(async () => {
    const response = await answer(new Request(url, { method: "POST" }));
    expect(response.headers.get("access-control-allow-origin")).toBe("*");
    const exposed = response.headers.get("access-control-expose-headers")?.split(", ");
    // The last two decide whether an SDK in a browser sends a request again.
    expect(exposed).toEqual(
      expect.arrayContaining(["x-tally-cost-usd", "x-should-retry", "retry-after-ms"]),
    );
  });
  expect(lines).toHaveLength(1);
});

test("a request is one line of the log, with the id of its answer", async () => {
  let id: string | null = null;
  const lines = await logsOf(async () => {
    const response = await serve(async () => new Response("ok"))(new Request(url));
    id = response.headers.get("x-tally-request-id");
  });

  expect(lines).toEqual([
    { id, function: "demo", outcome: "ok", status: 200, ms: expect.any(Number) },
  ]);
});

test("an unexpected error tells its caller nothing of the inside, and the log its kind", async () => {
  const answer = serve(async () => {
    throw databaseError("XX000", "secret internals");
  });
  let body = "";
  const [line] = await logsOf(async () => {
    const response = await answer(new Request(url));
    body = await response.text();
    expect(response.status).toBe(500);
  });

  expect(JSON.parse(body)).toMatchObject({ code: "PT500", hint: expect.any(String) });
  expect(body).not.toContain("secret internals");
  expect(line).toMatchObject({ outcome: "PT500", status: 500, cause: "XX000" });
});

test("without its settings a function says which one is missing", async () => {
  const answer = handleRequests(
    { name: "demo", scope: "track", handle: async () => new Response("ok") },
    { variable: () => undefined },
  );
  let body: unknown;
  await logsOf(async () => {
    body = await (await answer(new Request(url))).json();
  });

  expect(body).toMatchObject({ code: "PT503", details: "TALLY_DB_URL or SUPABASE_DB_URL" });
});

test("every function pins the same versions", () => {
  const read = (file: string) =>
    JSON.parse(readFileSync(new URL(file, FUNCTIONS), "utf8")) as {
      imports: Record<string, string>;
    };
  const shared = read("deno.json").imports;
  const functions = readdirSync(FUNCTIONS, { withFileTypes: true })
    .filter((entry) => entry.isDirectory() && !entry.name.startsWith("_"))
    .map((entry) => entry.name);

  expect(functions).toContain("track");
  for (const name of functions) {
    const { imports } = read(`${name}/deno.json`);
    for (const [specifier, pinned] of Object.entries(imports)) {
      expect(pinned, `${name}: ${specifier}`).toBe(shared[specifier]);
      expect(pinned, `${name}: ${specifier}`).toMatch(/^npm:\/?[^^~]+@\d+\.\d+\.\d+/);
    }
  }
});
