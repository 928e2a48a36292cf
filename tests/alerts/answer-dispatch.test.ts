import { expect, test } from "vitest";
import { readAlertSettings } from "../../supabase/functions/_tally/alerts/alert-settings.ts";
import { answerDispatch } from "../../supabase/functions/_tally/alerts/answer-dispatch.ts";
import { handleRequests } from "../../supabase/functions/_tally/handle-request.ts";
import {
  ENVIRONMENT,
  fakeDatabase,
  keyRow,
  logsOf,
  tokenOf,
  USER_ID,
} from "../functions/support.ts";

const claims = { sub: USER_ID, role: "authenticated", exp: 4_102_444_800 };

async function call(headers: Record<string, string>, method = "POST") {
  const answer = handleRequests(
    { name: "alerts", scope: "track", handle: answerDispatch((name) => ENVIRONMENT[name]) },
    {
      variable: (name) => ENVIRONMENT[name],
      database: fakeDatabase({ verify_api_key: keyRow, claim_alert_deliveries: () => [] }),
      // Auth knows the user.
      fetch: async () => Response.json({ id: USER_ID, ...claims }),
    },
  );
  let response = new Response();
  await logsOf(async () => {
    response = await answer(new Request("http://functions.invalid/alerts", { method, headers }));
  });
  return { status: response.status, body: (await response.json()) as { code?: string } };
}

const SECRET = "sb_secret_unit";

test("the secret key sends what is due, as a scheduler sends it", async () => {
  for (const headers of [{ apikey: SECRET }, { authorization: `Bearer ${SECRET}` }]) {
    expect(await call(headers as Record<string, string>)).toEqual({
      status: 200,
      body: { claimed: 0, delivered: 0, failed: 0, dead: 0 },
    });
  }
});

test("nobody else does", async () => {
  const codeFor = async (...args: Parameters<typeof call>) => (await call(...args)).body.code;

  expect(await codeFor({})).toBe("PT401");
  expect(await codeFor({ apikey: "sb_publishable_unit" })).toBe("PT401");
  expect(await codeFor({ authorization: `Bearer tally_${"k".repeat(43)}` })).toBe("PT403");
  expect(await codeFor({ authorization: `Bearer ${tokenOf(claims)}` })).toBe("PT403");
  expect(await codeFor({ apikey: SECRET }, "GET")).toBe("PT405");
});

test("targets on this machine are for projects on this machine", () => {
  const allows = (url: string) => readAlertSettings(() => undefined, url).allowsLoopback;

  expect(allows("http://127.0.0.1:54321")).toBe(true);
  expect(allows("http://kong:8000")).toBe(false);
  expect(allows("https://project.supabase.co")).toBe(false);
});
