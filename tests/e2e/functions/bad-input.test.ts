import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import {
  callFunction,
  createOrganization,
  createUser,
  eventsOf,
  type Organization,
  openHolds,
  signToken,
  sql,
  stack,
} from "./arrange.ts";

const MIB = 1024 * 1024;
let organization: Organization;

beforeEach(async () => {
  organization = await createOrganization();
});
// Whatever was wrong: nothing was written.
afterEach(async () => {
  expect(await eventsOf(organization.id)).toEqual([]);
  expect(await openHolds(organization.id)).toBe(0);
});
afterAll(() => sql.end());

/** Each function with a request that would be good, and how to find the error in its answer. */
const FUNCTIONS = {
  track: {
    path: "track",
    limit: MIB,
    good: { provider: "openai", model: "gpt-4o", input_tokens: 1, output_tokens: 1 },
    error: (body: Record<string, unknown>) => body,
  },
  gateway: {
    path: "gateway/openai/v1/chat/completions",
    limit: 10 * MIB,
    good: { model: "gpt-4o", messages: [{ role: "user", content: "hello" }] },
    error: (body: Record<string, unknown>) => body.error as Record<string, unknown>,
  },
};

for (const [name, { path, limit, good, error }] of Object.entries(FUNCTIONS)) {
  describe(name, () => {
    async function expectError(answer: Promise<Response>, code: string) {
      const response = await answer;
      const body = (await response.json()) as Record<string, unknown>;
      expect({ status: response.status, ...error(body) }).toMatchObject({
        status: Number(code.slice(2)),
        code,
        message: expect.stringMatching(/\.$/),
        hint: expect.any(String),
      });
      return response;
    }

    test("no key", () => expectError(callFunction(path, null, good), "PT401"));

    test("a wrong key", () =>
      expectError(callFunction(path, `tally_${"0".repeat(43)}`, good), "PT401"));

    test("an expired token", async () => {
      const { id } = await createUser();
      const exp = Math.floor(Date.now() / 1000) - 60;
      const token = signToken({ sub: id, role: "authenticated", aud: "authenticated", exp });
      const headers = { "x-tally-organization": organization.id };
      await expectError(callFunction(path, token, good, { headers }), "PT401");
    });

    for (const method of ["GET", "PUT", "DELETE", "PATCH"]) {
      test(`the method ${method}`, async () => {
        const init = { method, body: method === "GET" ? null : JSON.stringify(good) };
        const answer = callFunction(path, organization.apiKey, good, init);
        expect((await expectError(answer, "PT405")).headers.get("allow")).toBe("POST");
      });
    }

    for (const body of ["{", "", "[]", '"text"', "null", "{'model': 1}", "\u0000"]) {
      test(`a body of ${JSON.stringify(body)}`, () =>
        expectError(callFunction(path, organization.apiKey, body), "PT400"));
    }

    test("a body nested without end", () => {
      const nested = `${"[".repeat(100_000)}${"]".repeat(100_000)}`;
      const body = JSON.stringify(good).replace("{", `{"request_metadata":${nested},`);
      return expectError(callFunction(path, organization.apiKey, body), "PT400");
    });

    test("a body beyond the limit, announced", () => {
      const body = JSON.stringify({ ...good, padding: "x".repeat(limit) });
      return expectError(callFunction(path, organization.apiKey, body), "PT413");
    });

    test("a body beyond the limit, in chunks", () => {
      const chunk = new TextEncoder().encode("x".repeat(64 * 1024));
      let left = limit / chunk.length + 1;
      const body = new ReadableStream<Uint8Array>({
        pull(controller) {
          if (left-- > 0) controller.enqueue(chunk);
          else controller.close();
        },
      });
      const init = { body, duplex: "half" } as RequestInit;
      return expectError(callFunction(path, organization.apiKey, "", init), "PT413");
    });
  });
}

describe("an event", () => {
  const good = FUNCTIONS.track.good;
  const unknown = "11111111-2222-4333-8444-555555555555";

  async function expectRefused(event: object, status: number, field: string, key?: string) {
    const response = await callFunction("track", key ?? organization.apiKey, event);
    expect(response.status).toBe(status);
    const error = (await response.json()) as { message: string };
    expect(error).toMatchObject({ code: `PT${status}`, details: expect.stringContaining(field) });
    expect(error.message).toContain(field);
  }

  for (const [what, event, field] of [
    ["no provider", { ...good, provider: undefined }, "provider"],
    ["no model", { ...good, model: undefined }, "model"],
    ["no quantity", { provider: "openai", model: "gpt-4o" }, "input_tokens"],
    ["a field that does not exist", { ...good, tokens: 3 }, "tokens"],
    ["negative tokens", { ...good, input_tokens: -1 }, "input_tokens"],
    ["a fraction of a token", { ...good, output_tokens: 0.5 }, "output_tokens"],
    ["more tokens than there are", { ...good, input_tokens: 2 ** 50 }, "input_tokens"],
    ["an infinite number", { ...good, input_tokens: "Infinity" }, "input_tokens"],
    ["a class that does not exist", { ...good, classes: { imput: 1 } }, "imput"],
    ["a status that does not exist", { ...good, status: "fine" }, "status"],
    ["a time long past", { ...good, created_at: "2020-01-01T00:00:00Z" }, "created_at"],
    ["a time to come", { ...good, created_at: "2100-01-01T00:00:00Z" }, "created_at"],
    ["no time at all", { ...good, created_at: "yesterday-ish" }, "created_at"],
  ] as const) {
    test(`with ${what}`, () => expectRefused(event, 400, field));
  }

  test("of an organization that does not exist", () =>
    expectRefused({ ...good, organization_id: unknown }, 404, "organization", stack.SECRET_KEY));

  test("of no organization", () => expectRefused(good, 400, "organization_id", stack.SECRET_KEY));

  test("of another organization", () =>
    expectRefused({ ...good, organization_id: unknown }, 403, "organization"));

  test("of a user's organization, or not, as long as members may not record", async () => {
    const { token } = await createUser();
    await expectRefused({ ...good, organization_id: organization.id }, 403, "", token);
    await expectRefused({ ...good, organization_id: unknown }, 403, "", token);
  });

  test("with a price of its own", () => expectRefused({ ...good, cost_usd: 0 }, 403, "cost_usd"));
});
