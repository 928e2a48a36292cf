import { generateKeyPairSync, type KeyObject, sign } from "node:crypto";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { expect, onTestFinished, test } from "vitest";
import {
  type AuthorizeDeps,
  authorizeRequest,
} from "../../supabase/functions/_tally/authorize-request.ts";
import { KnownUsers } from "../../supabase/functions/_tally/identify-user.ts";
import { API_KEY_ID, fakeDatabase, keyRow, ORGANIZATION, tokenOf, USER_ID } from "./support.ts";

const NOW = Date.parse("2026-11-23T12:00:00Z");
const claims = { sub: USER_ID, role: "authenticated", exp: NOW / 1000 + 3600 };
const API_KEY = `tally_${"k".repeat(43)}`;

function setUp(options: { auth?: () => Response; key?: object | []; url?: string } = {}) {
  const asked: Request[] = [];
  let now = NOW;
  const deps: AuthorizeDeps = {
    env: {
      supabaseUrl: options.url ?? "http://supabase.invalid",
      secretKeys: { default: "sb_secret_unit" },
      publishableKey: "sb_publishable_unit",
    },
    database: fakeDatabase({ verify_api_key: () => options.key ?? keyRow() }),
    fetch: async (input, init) => {
      asked.push(new Request(input, init));
      return options.auth?.() ?? Response.json({ id: USER_ID });
    },
    now: () => now,
    knownUsers: new KnownUsers(),
  };
  const authorize = (headers: Record<string, string>) =>
    authorizeRequest(new Request("http://function.invalid/", { headers }), "track", deps);
  return { authorize, asked, deps, later: (ms: number) => (now += ms) };
}

const bearer = (token: string) => ({ authorization: `Bearer ${token}` });

for (const headers of [
  bearer(API_KEY),
  { authorization: `bearer  ${API_KEY}` },
  { "x-api-key": API_KEY },
  { "x-goog-api-key": API_KEY },
  { apikey: API_KEY },
]) {
  test(`an API key is found in ${Object.keys(headers)[0]}`, async () => {
    const { authorize } = setUp();

    expect(await authorize(headers)).toEqual({
      kind: "api_key",
      apiKeyId: API_KEY_ID,
      organizationId: ORGANIZATION,
    });
  });
}

test("a publishable key of either kind beside an API key says nothing of who calls", async () => {
  const anon = tokenOf({ role: "anon", iss: "supabase", exp: NOW / 1000 + 3600 });
  const { authorize, asked } = setUp();

  for (const key of [anon, "sb_publishable_unit"]) {
    const headers = { ...bearer(key), apikey: key, "x-api-key": API_KEY };
    expect(await authorize(headers)).toMatchObject({ kind: "api_key" });
    await expect(authorize(bearer(key))).rejects.toMatchObject({ code: "PT401" });
  }
  expect(asked).toEqual([]);
});

test("a key in the address is not read, and whoever puts it there is told so", async () => {
  const request = new Request(`http://function.invalid/?key=${API_KEY}`);

  await expect(authorizeRequest(request, "gateway", setUp().deps)).rejects.toMatchObject({
    code: "PT401",
    hint: expect.stringContaining("?key="),
  });
});

test("an unknown API key is refused, a key without the scope is told so", async () => {
  await expect(setUp({ key: [] }).authorize(bearer(API_KEY))).rejects.toMatchObject({
    code: "PT401",
  });
  const unscoped = setUp({ key: { ...keyRow(), has_scope: false } });
  await expect(unscoped.authorize(bearer(API_KEY))).rejects.toMatchObject({ code: "PT403" });
});

test("the secret key acts as the service, in either header", async () => {
  const { authorize } = setUp();

  expect(await authorize({ apikey: "sb_secret_unit" })).toEqual({ kind: "service" });
  expect(await authorize(bearer("sb_secret_unit"))).toEqual({ kind: "service" });
  await expect(authorize({ apikey: "sb_secret_other" })).rejects.toMatchObject({ code: "PT401" });
});

test("nobody gets in with nothing, a publishable key or rubbish", async () => {
  const { authorize, asked } = setUp();

  for (const headers of [{}, { apikey: "sb_publishable_unit" }, bearer(""), bearer("rubbish")]) {
    await expect(authorize(headers)).rejects.toMatchObject({ code: "PT401" });
  }
  expect(asked).toEqual([]);
});

test("a user's token beside the publishable key means the user", async () => {
  const { authorize, asked } = setUp();

  const actor = await authorize({ apikey: "sb_publishable_unit", ...bearer(tokenOf(claims)) });

  expect(actor).toEqual({ kind: "user", userId: USER_ID, claims });
  expect(asked[0]?.url).toBe("http://supabase.invalid/auth/v1/user");
  expect(asked[0]?.headers.get("apikey")).toBe("sb_publishable_unit");
});

test("Auth is asked once a minute for one token, and again for another", async () => {
  const { authorize, asked, later } = setUp();
  const token = tokenOf(claims);

  await authorize(bearer(token));
  later(59_000);
  await authorize(bearer(token));
  expect(asked).toHaveLength(1);

  later(1_001);
  await authorize(bearer(token));
  await authorize(bearer(tokenOf({ ...claims, session_id: "another" })));
  expect(asked).toHaveLength(3);
});

test("what is remembered ends with the token", async () => {
  const { authorize, later } = setUp();
  const token = tokenOf({ ...claims, exp: NOW / 1000 + 10 });

  await authorize(bearer(token));
  later(10_000);

  await expect(authorize(bearer(token))).rejects.toMatchObject({
    code: "PT401",
    message: "The access token has expired.",
  });
});

test("the memory is bounded", () => {
  const users = new KnownUsers(2);
  for (const hash of ["a", "b", "c"]) users.add(hash, claims, NOW + 1);

  expect(users.size).toBe(2);
  expect(users.get("a", NOW)).toBeUndefined();
  expect(users.get("c", NOW)).toEqual(claims);
});

test("a token that Auth does not know, or knows as somebody else's, is refused", async () => {
  for (const auth of [
    () => Response.json({ code: 401 }, { status: 401 }),
    () => Response.json({ id: ORGANIZATION }),
    () => new Response("no JSON"),
  ]) {
    await expect(setUp({ auth }).authorize(bearer(tokenOf(claims)))).rejects.toMatchObject({
      code: "PT401",
    });
  }
});

test("an Auth that is down is no reason to call a token invalid", async () => {
  const down = setUp({ auth: () => new Response(null, { status: 503 }) });
  const unreachable = setUp({
    auth: () => {
      throw new TypeError("connection refused");
    },
  });

  for (const { authorize } of [down, unreachable]) {
    await expect(authorize(bearer(tokenOf(claims)))).rejects.toMatchObject({ code: "PT503" });
  }
});

test("tokens without a user, an end or the role of one are refused without asking", async () => {
  const { authorize, asked } = setUp();
  const { sub: _sub, ...nobody } = claims;
  const { exp: _exp, ...endless } = claims;

  for (const token of [
    tokenOf(nobody),
    tokenOf(endless),
    tokenOf({ ...claims, role: "service_role" }),
    tokenOf({ ...claims, role: "anon" }),
    "a.b.c",
  ]) {
    await expect(authorize(bearer(token))).rejects.toMatchObject({ code: "PT401" });
  }
  expect(asked).toEqual([]);
});

/** A project whose Auth signs with a key pair and publishes the public half. */
async function startProject() {
  const { privateKey, publicKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const jwk = { ...publicKey.export({ format: "jwk" }), kid: "key-1", alg: "ES256", use: "sig" };
  const server = createServer((_request, response) => {
    response.setHeader("content-type", "application/json");
    response.end(JSON.stringify({ keys: [jwk] }));
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(() => void server.close());
  return { url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`, privateKey };
}

function signWith(key: KeyObject, payload: object): string {
  const [header, body] = tokenOf(payload, { alg: "ES256", typ: "JWT", kid: "key-1" }).split(".");
  const content = Buffer.from(`${header}.${body}`);
  const signature = sign("sha256", content, { key, dsaEncoding: "ieee-p1363" });
  return `${header}.${body}.${signature.toString("base64url")}`;
}

/** The library looks at the real clock. */
const current = { ...claims, exp: Math.floor(Date.now() / 1000) + 3600 };

test("a token signed by a key pair is verified here, without asking Auth", async () => {
  const { url, privateKey } = await startProject();
  const { authorize, asked } = setUp({ url });

  expect(await authorize(bearer(signWith(privateKey, current)))).toMatchObject({
    kind: "user",
    userId: USER_ID,
  });
  expect(asked).toEqual([]);
});

test("a token signed by another key pair is refused, without asking Auth", async () => {
  const { url } = await startProject();
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { authorize, asked } = setUp({ url });

  await expect(authorize(bearer(signWith(privateKey, current)))).rejects.toMatchObject({
    code: "PT401",
  });
  expect(asked).toEqual([]);
});

test("Auth is asked where the public keys cannot be had, or a shared secret has a name", async () => {
  const { privateKey } = generateKeyPairSync("ec", { namedCurve: "P-256" });
  const { authorize, asked } = setUp({ url: "http://127.0.0.1:9" });

  await authorize(bearer(signWith(privateKey, current)));
  await authorize(bearer(tokenOf(current, { alg: "HS256", typ: "JWT", kid: "legacy" })));

  expect(asked).toHaveLength(2);
});
