import { once } from "node:events";
import { writeFile } from "node:fs/promises";
import { createServer, type IncomingMessage, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { afterAll, beforeAll, expect, test, vi } from "vitest";
import { makeDirectory, type RunningStack, startStack } from "../support/stack.ts";
import { makeProject } from "./make-project.ts";

let directory: Awaited<ReturnType<typeof makeDirectory>>;
let stack: RunningStack;

beforeAll(async () => {
  directory = await makeDirectory();
  await makeProject(directory.path);
  stack = await startStack({
    project: directory.path,
    stateDir: join(directory.path, ".tallybase"),
    env: { OPENAI_API_KEY: "of-the-shell", SECRET_OF_THE_SHELL: "1" },
  });
});

afterAll(async () => {
  await stack.stop();
  await directory.remove();
});

const anonymous = () => createClient(stack.info.API_URL, stack.info.PUBLISHABLE_KEY);
const service = () => createClient(stack.info.API_URL, stack.info.SECRET_KEY);

async function signUp(email: string) {
  const client = anonymous();
  const { data, error } = await client.auth.signUp({ email, password: "correct-horse" });
  if (error) throw error;
  return { client, userId: data.user?.id, token: data.session?.access_token ?? "" };
}

function callFunction(path: string, init: RequestInit = {}) {
  return fetch(`${stack.info.FUNCTIONS_URL}/${path}`, init);
}

test("supabase-js calls a function of the database", async () => {
  expect(await anonymous().rpc("add", { a: 2, b: 3 })).toMatchObject({ data: 5, error: null });
});

test("a signed-in user sees own rows only, the secret key all", async () => {
  const { client, userId } = await signUp("author@tests.invalid");
  await client.from("notes").insert({ body: "mine" }).throwOnError();
  const own = await client.from("notes").select("user_id, body");
  expect(own.data).toEqual([{ user_id: userId, body: "mine" }]);
  const all = await service().from("notes").select("body").order("id");
  expect(all.data).toEqual([{ body: "from the seed" }, { body: "mine" }]);
  const none = await anonymous().from("notes").select("body");
  expect(none.data).toEqual([]);
});

test("a user signs in with the password, not with another", async () => {
  await signUp("returning@tests.invalid");
  const email = "returning@tests.invalid";
  const right = await anonymous().auth.signInWithPassword({ email, password: "correct-horse" });
  expect(right.data.user?.email).toBe(email);
  const wrong = await anonymous().auth.signInWithPassword({ email, password: "wrong" });
  expect(wrong.error?.status).toBe(400);
});

test("without a key REST refuses", async () => {
  const answer = await fetch(`${stack.info.REST_URL}/notes`);
  expect(answer.status).toBe(401);
});

test("a function gets the path from its name on, the body, and a hosted project's environment", async () => {
  const answer = await callFunction("echo/a/b?c=1", { method: "POST", body: "hello" });
  const seen = (await answer.json()) as Record<string, unknown> & { env: string[] };
  expect(seen).toMatchObject({
    url: `${stack.info.API_URL}/echo/a/b?c=1`,
    method: "POST",
    body: "hello",
    forwarded: "/functions/v1/echo",
  });
  expect(seen.env).toEqual(
    expect.arrayContaining([
      "SUPABASE_DB_URL",
      "SUPABASE_JWKS",
      "SUPABASE_PUBLISHABLE_KEYS",
      "SUPABASE_SECRET_KEYS",
      "SUPABASE_URL",
    ]),
  );
});

test("an answer that does not wait for the whole body arrives", async () => {
  const body = new Uint8Array(20_000_000);
  const answer = await callFunction("echo/too-large", { method: "POST", body });
  expect([answer.status, await answer.text()]).toEqual([413, "too large"]);
});

test("nothing of the shell reaches a function: its provider key would spend money", async () => {
  const answer = await callFunction("echo");
  const { env, openai } = (await answer.json()) as { env: string[]; openai: string };
  expect(env).not.toContain("SECRET_OF_THE_SHELL");
  expect(openai).toBe(`${stack.info.FAKE_PROVIDER_URL}/openai/v1`);
});

test("verify_jwt: a session passes, everything else is refused in the platform's words", async () => {
  const { token } = await signUp("caller@tests.invalid");
  const ask = async (authorization?: string) => {
    const answer = await callFunction("private", {
      headers: authorization ? { authorization } : {},
    });
    return [answer.status, await answer.text()];
  };
  expect(await ask(`Bearer ${token}`)).toEqual([200, "for users"]);
  expect(await ask()).toMatchObject([401, expect.stringContaining("Missing authorization header")]);
  for (const wrong of [`Bearer ${token}x`, `Bearer ${stack.info.SECRET_KEY}`, "Basic abc"]) {
    expect(await ask(wrong)).toMatchObject([401, expect.stringContaining("Invalid JWT")]);
  }
});

test("an event of a stream arrives before the next one exists", async () => {
  await using caller = await listen();
  const answer = await callFunction(`stream?to=${caller.url}`);
  const events = answer.body?.pipeThrough(new TextDecoderStream()).getReader();
  expect((await events?.read())?.value).toBe("data: first\n\n");
  const [request, response] = await caller.next();
  expect(request.url).toBe("/continue");
  response.end();
  expect((await events?.read())?.value).toBe("data: second\n\n");
  expect((await events?.read())?.done).toBe(true);
});

test("a caller who goes away cancels the stream inside the function", async () => {
  await using caller = await listen();
  const abort = new AbortController();
  const answer = await callFunction(`stream?to=${caller.url}`, { signal: abort.signal });
  await answer.body?.getReader().read();
  await caller.next();
  abort.abort();
  const [request, response] = await caller.next();
  expect(request.url).toBe("/cancelled");
  response.end();
});

test("an unknown function is 404, one that cannot start 503 and named in the terminal", async () => {
  expect((await callFunction("missing")).status).toBe(404);
  expect((await callFunction("_tally")).status).toBe(404);
  const answer = await callFunction("broken");
  expect(answer.status).toBe(503);
  expect(await answer.json()).toMatchObject({ code: "BOOT_ERROR" });
  await stack.wrote("this function is broken on purpose");
});

test("a changed function answers anew, without a restart", async () => {
  await writeFile(
    join(directory.path, "supabase/functions/private/index.ts"),
    `Deno.serve(() => new Response("changed"));`,
  );
  const { token } = await signUp("patient@tests.invalid");
  await vi.waitFor(async () => {
    const answer = await callFunction("private", { headers: { authorization: `Bearer ${token}` } });
    expect(await answer.text()).toBe("changed");
  }, 10_000);
});

test("a table made while the stack runs is there after `notify pgrst`", async () => {
  await using sql = connect();
  await sql.client`create table public.late (id int)`;
  await sql.client`grant select on public.late to service_role`;
  await sql.client`notify pgrst, 'reload schema'`;
  await vi.waitFor(async () => {
    expect(await service().from("late").select()).toMatchObject({ error: null, data: [] });
  }, 5_000);
});

test("the scheduler calls tally.tick()", async () => {
  await using sql = connect();
  const { promise, resolve } = Promise.withResolvers<void>();
  await sql.client.listen("ticked", () => resolve());
  await promise;
});

test("the database role is no superuser, as on a hosted project", async () => {
  await using sql = connect();
  const [role] = await sql.client`select rolsuper from pg_roles where rolname = current_user`;
  expect(role?.rolsuper).toBe(false);
});

test("GET / tells what is where", async () => {
  const answer = await fetch(stack.info.API_URL);
  expect(await answer.json()).toMatchObject({ rest: stack.info.REST_URL });
});

function connect() {
  const client = postgres(stack.info.DB_URL, { max: 2, onnotice: () => undefined });
  return { client, [Symbol.asyncDispose]: () => client.end() };
}

/** A server whose requests the test answers itself. */
async function listen() {
  const server = createServer();
  const waiting: [IncomingMessage, ServerResponse][] = [];
  const wanted: ((pair: [IncomingMessage, ServerResponse]) => void)[] = [];
  server.on("request", (...pair: [IncomingMessage, ServerResponse]) => {
    const take = wanted.shift();
    if (take) take(pair);
    else waiting.push(pair);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    next: () =>
      new Promise<[IncomingMessage, ServerResponse]>((resolve) => {
        const pair = waiting.shift();
        if (pair) resolve(pair);
        else wanted.push(resolve);
      }),
    [Symbol.asyncDispose]: async () => {
      server.closeAllConnections();
      server.close();
    },
  };
}
