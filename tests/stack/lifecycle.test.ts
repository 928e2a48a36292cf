import { readFileSync } from "node:fs";
import { appendFile, rm, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { createClient } from "@supabase/supabase-js";
import postgres from "postgres";
import { afterAll, afterEach, beforeAll, expect, test } from "vitest";
import { makeDirectory, type RunningStack, runTallybase, startStack } from "../support/stack.ts";
import { commandOf, listFamily, listSurvivors } from "./list-processes.ts";
import { makeProject } from "./make-project.ts";

let directory: Awaited<ReturnType<typeof makeDirectory>>;
let project: string;
let stateDir: string;
const started: RunningStack[] = [];

/** Every test restarts the same stack, as people do; none relies on what another wrote. */
beforeAll(async () => {
  directory = await makeDirectory();
  project = directory.path;
  stateDir = join(project, ".tallybase");
  await makeProject(project);
  await start();
  await stopAll();
});

afterEach(stopAll);

afterAll(() => directory.remove());

async function stopAll() {
  await Promise.all(started.splice(0).map((stack) => stack.stop()));
}

async function start(options: { args?: string[]; env?: Record<string, string> } = {}) {
  const stack = await startStack({ project, stateDir, ...options });
  started.push(stack);
  return stack;
}

/** Runs a command to its end. */
async function run(command: string, ...args: string[]) {
  const { exited, output } = runTallybase(command, { project, stateDir, args });
  return { code: await exited, output: output() };
}

async function query(url: string, text: string) {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    return await sql.unsafe(text);
  } finally {
    await sql.end();
  }
}

async function countNotes({ info }: RunningStack): Promise<number> {
  const [row] = await query(info.DB_URL, "select count(*)::int as count from public.notes");
  return row?.count;
}

async function addNote({ info }: RunningStack): Promise<void> {
  await query(
    info.DB_URL,
    "insert into public.notes (user_id, body) values (gen_random_uuid(), 'x')",
  );
}

/** The processes of a stack with all its parts running. */
async function familyOf(stack: RunningStack): Promise<number[]> {
  await fetch(`${stack.info.FUNCTIONS_URL}/echo`);
  const family = listFamily(Number(stack.child.pid));
  // The stack, the guard of Postgres and its watcher, Postgres and its workers, Deno.
  expect(family.length).toBeGreaterThan(8);
  return family;
}

test("status tells a program and a person what runs; stop ends it; then both say that nothing runs", async () => {
  const stack = await start();
  const json = await run("status", "-o", "json");
  expect(json.code).toBe(0);
  expect(JSON.parse(json.output)).toEqual(stack.info);
  const env = await run("status", "-o", "env");
  expect(env.output).toContain(`API_URL="${stack.info.API_URL}"\n`);
  expect(env.output).toContain(`SECRET_KEY="${stack.info.SECRET_KEY}"\n`);
  const pretty = await run("status");
  expect(pretty.output).toContain(stack.info.FUNCTIONS_URL);
  expect(await run("status", "-o", "yaml")).toMatchObject({
    code: 1,
    output: expect.stringContaining("pretty, json, env"),
  });

  expect(await run("stop")).toMatchObject({ code: 0, output: expect.stringContaining("stopped") });
  expect(await stack.exited).toBe(0);
  expect(await run("status")).toMatchObject({
    code: 1,
    output: expect.stringContaining("not running"),
  });
  expect(await run("stop")).toMatchObject({
    code: 0,
    output: expect.stringContaining("not running"),
  });
});

test("Ctrl-C ends every process; a restart has the data, the users and the keys", async () => {
  const first = await start();
  const email = "keeper@tests.invalid";
  const client = createClient(first.info.API_URL, first.info.PUBLISHABLE_KEY);
  await client.auth.signUp({ email, password: "correct-horse" });
  await client.from("notes").insert({ body: "kept" }).throwOnError();
  const family = await familyOf(first);
  expect(await first.stop()).toBe(0);
  expect(await listSurvivors(family, 2_000)).toEqual([]);

  const second = await start();
  expect(second.info.SECRET_KEY).toBe(first.info.SECRET_KEY);
  const again = createClient(second.info.API_URL, second.info.PUBLISHABLE_KEY);
  const signedIn = await again.auth.signInWithPassword({ email, password: "correct-horse" });
  expect(signedIn.error).toBeNull();
  expect((await again.from("notes").select("body")).data).toEqual([{ body: "kept" }]);
});

test("Ctrl-C during the start ends every process too", async () => {
  await using elsewhere = await makeOther();
  const args = ["--port", "0"];
  const starting = runTallybase("dev", { project, stateDir: elsewhere.path, args });
  await starting.wrote("Postgres 17 on port");
  const family = listFamily(Number(starting.child.pid));
  starting.child.kill("SIGINT");
  expect(await starting.exited).toBe(0);
  expect(starting.output()).not.toContain("Ready in");
  expect(await listSurvivors(family, 5_000)).toEqual([]);
});

test("the end of its launcher ends the stack", async () => {
  const stack = await start();
  const family = await familyOf(stack);
  stack.child.disconnect();
  expect(await stack.exited).toBe(0);
  expect(await listSurvivors(family, 2_000)).toEqual([]);
});

test("--reset starts over; without it the seed is not applied again", async () => {
  const first = await start();
  await addNote(first);
  const count = await countNotes(first);
  await first.stop();
  const again = await start();
  expect(await countNotes(again)).toBe(count);
  await again.stop();
  const empty = await start({ args: ["--reset"] });
  expect(await countNotes(empty)).toBe(1);
});

test("a killed run leaves no process and no lock", async () => {
  const killed = await start();
  await addNote(killed);
  const count = await countNotes(killed);
  const family = await familyOf(killed);
  killed.child.kill("SIGKILL");
  expect(await listSurvivors(family, 10_000)).toEqual([]);
  expect((await run("status")).code).toBe(1);

  const next = await start();
  expect(next.output()).toContain(`The earlier run (process ${killed.child.pid}) was killed`);
  expect(await countNotes(next)).toBe(count);
});

test("a Postgres that outlived its run is ended, the data kept", async () => {
  const killed = await start();
  await addNote(killed);
  const count = await countNotes(killed);
  const [pid] = readFileSync(join(stateDir, "postgres/data/postmaster.pid"), "utf8").split("\n");
  // Without its guards nothing tells Postgres that the stack is gone.
  const guards = listFamily(Number(killed.child.pid)).filter((member) =>
    commandOf(member).startsWith("/bin/sh"),
  );
  for (const guard of guards) process.kill(guard, "SIGKILL");
  killed.child.kill("SIGKILL");
  await killed.exited;
  expect(await listSurvivors([Number(pid)], 0)).toEqual([Number(pid)]);

  const next = await start();
  expect(next.output()).toContain(`Its Postgres (process ${pid}) still ran and is stopped`);
  expect(await countNotes(next)).toBe(count);
});

test("a second start says where the first runs", async () => {
  const stack = await start();
  const second = await run("dev");
  expect(second.code).toBe(1);
  expect(second.output).toContain(
    `already running at ${stack.info.API_URL} (process ${stack.child.pid})`,
  );
  expect(second.output).toContain("tallybase stop");
});

test("a port in use: who has it, and how to take another", async () => {
  const stack = await start();
  const { port } = new URL(stack.info.API_URL);
  await using elsewhere = await makeOther();
  const other = { project, stateDir: elsewhere.path, args: ["--port", port] };
  const refused = runTallybase("dev", other);
  expect(await refused.exited).toBe(1);
  expect(refused.output()).toContain(`Port ${port} is in use by process ${stack.child.pid}`);
  expect(refused.output()).toContain(`--port ${Number(port) + 1000}`);
});

test("two stacks run side by side", async () => {
  const first = await start();
  await using elsewhere = await makeOther();
  const second = await startStack({ project, stateDir: elsewhere.path });
  started.push(second);
  const count = await countNotes(first);
  await query(second.info.DB_URL, "delete from public.notes");
  expect(await countNotes(first)).toBe(count);
  expect(second.info.SECRET_KEY).not.toBe(first.info.SECRET_KEY);
  await second.stop();
});

test("DATABASE_URL: an existing Postgres is used and outlives the stack", async () => {
  const owner = await start();
  await query(owner.info.DB_URL, "create database existing");
  const url = new URL(owner.info.DB_URL);
  url.pathname = "/existing";
  await using elsewhere = await makeOther();
  const options = { project, stateDir: elsewhere.path, env: { DATABASE_URL: url.href } };
  const stack = await startStack(options);
  expect(stack.info.DB_URL).toBe(url.href);
  const client = createClient(stack.info.API_URL, stack.info.PUBLISHABLE_KEY);
  expect((await client.rpc("add", { a: 1, b: 1 })).data).toBe(2);
  await stack.stop();
  expect(await query(url.href, "select body from public.notes")).toEqual([
    { body: "from the seed" },
  ]);

  const reset = runTallybase("dev", { ...options, args: ["--reset"] });
  expect(await reset.exited).toBe(1);
  expect(reset.output()).toContain("--reset deletes the embedded database only");
});

test("DATABASE_URL without the right to create what is missing: a clear refusal", async () => {
  const owner = await start();
  await query(owner.info.DB_URL, "create role guest login password 'guest'");
  await query(owner.info.DB_URL, "create database bare");
  const url = new URL(owner.info.DB_URL);
  url.username = "guest";
  url.password = "guest";
  url.pathname = "/bare";
  await using elsewhere = await makeOther();
  const refused = runTallybase("dev", {
    project,
    stateDir: elsewhere.path,
    args: ["--port", "0"],
    env: { DATABASE_URL: url.href },
  });
  expect(await refused.exited).toBe(1);
  expect(refused.output()).toContain("permission denied");
  expect(refused.output()).toContain("roles.sql");
});

test("migrations edited after they were applied are named; a broken one stops the start", async () => {
  await appendFile(join(project, "supabase/migrations/20260101000000_notes.sql"), "\n-- edited\n");
  const edited = await start();
  expect(edited.output()).toContain("Migrations were edited");
  await edited.stop();
  const file = join(project, "supabase/migrations/20260102000000_broken.sql");
  await writeFile(file, "select nonsense;");
  const broken = await run("dev", "--port", "0");
  await rm(file);
  expect(broken.code).toBe(1);
  expect(broken.output).toContain('column "nonsense" does not exist');
  expect(broken.output).toContain("--reset");
});

test("a wrong command line says what is wrong", async () => {
  expect(await run("dev", "--port", "many")).toMatchObject({
    code: 1,
    output: expect.stringContaining("--port many is not a port"),
  });
  expect(await run("dev", "--nonsense")).toMatchObject({ code: 2 });
  expect(await run("nonsense")).toMatchObject({
    code: 2,
    output: expect.stringContaining("There is no command nonsense"),
  });
  const outside = runTallybase("status", { project: "/", stateDir });
  expect(await outside.exited).toBe(1);
  expect(outside.output()).toContain("There is no supabase/config.toml");
});

async function makeOther() {
  const other = await makeDirectory();
  return { path: other.path, [Symbol.asyncDispose]: () => other.remove() };
}
