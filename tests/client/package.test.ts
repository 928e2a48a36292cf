import { execFile } from "node:child_process";
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, join, resolve } from "node:path";
import { promisify } from "node:util";
import { afterAll, beforeAll, expect, test } from "vitest";
import {
  buildClient,
  type Download,
  measureDownloads,
} from "../../packages/client/scripts/build.ts";

const run = promisify(execFile);
const repository = resolve(import.meta.dirname, "../..");

/** A project of somebody who installed the package. */
let consumer: string;
let installed: string;
let downloads: Download[];
let files: string[];
beforeAll(async () => {
  consumer = await mkdtemp(join(tmpdir(), "tallybase-consumer-"));
  const built = join(consumer, "built");
  await buildClient(built);
  downloads = await measureDownloads(built);
  files = (await readdir(built)).filter((name) => name.endsWith(".js"));
  await run("npm", ["pack", built, "--pack-destination", consumer], { cwd: consumer });
  const [packed = ""] = (await readdir(consumer)).filter((name) => name.endsWith(".tgz"));
  installed = join(consumer, "node_modules/@tallybase/client");
  await mkdir(installed, { recursive: true });
  await run("tar", ["-xzf", join(consumer, packed), "--strip-components=1", "-C", installed]);
  await writeFile(join(consumer, "package.json"), '{ "type": "module" }');
}, 60_000);
afterAll(() => rm(consumer, { recursive: true, force: true }));

test("the core is at most 8 kB, minified and gzipped", () => {
  for (const { name, gzipBytes, isInitial } of downloads) {
    console.log(`${name}: ${gzipBytes} bytes gzip${isInitial ? "" : ", loaded on first use"}`);
  }
  const core = downloads.find(({ name }) => name === "core");
  expect(core?.gzipBytes).toBeGreaterThan(1_000);
  expect(core?.gzipBytes).toBeLessThanOrEqual(8_000);
});

test("who uses less downloads less", () => {
  const bytes = (wanted: string) =>
    downloads.find(({ name }) => name === wanted)?.gzipBytes ?? Number.NaN;
  expect(bytes("core")).toBeLessThan(bytes("with meterOpenAI"));
  expect(bytes("with meterOpenAI")).toBeLessThan(bytes("everything"));
  const later = downloads.filter(({ isInitial }) => !isInitial).map(({ name }) => name);
  expect(later.sort()).toEqual(["execute-call.js", "meter-call.js", "read-usage.js"]);
});

test("the package needs nothing else, and says so", async () => {
  const manifest = JSON.parse(await readFile(join(installed, "package.json"), "utf8"));
  expect(manifest).not.toHaveProperty("dependencies");
  expect(manifest).not.toHaveProperty("private");
  expect(manifest.sideEffects).toBe(false);
  for (const name of files) {
    const code = await readFile(join(installed, name), "utf8");
    const imported = [...code.matchAll(/^(?:import|export) .*from "([^"]+)"/gm)].map(
      ([, from]) => from,
    );
    expect(imported.every((from) => from?.startsWith("./"))).toBe(true);
  }
});

test("it meters a call in the Node that is installed on this machine", async () => {
  await writeFile(
    join(consumer, "meter.js"),
    `import { createTallybase } from "@tallybase/client";
     const answers = {
       reserve_usage: { allowed: true, hold_id: "h", expires_at: "2026-11-23T10:00:00Z" },
       settle_usage: { id: "e", status: "recorded", cost_usd: 0.1, total_tokens: 3 },
     };
     const tally = createTallybase({
       url: "http://project.test",
       key: "sb_secret_1",
       fetch: async (url) => Response.json(answers[url.split("/").at(-1)]),
     });
     const { usage } = await tally.wrapWithTracking(
       { provider: "openai", model: "gpt-5.4" },
       () => ({ model: "gpt-5.4", usage: { prompt_tokens: 1, completion_tokens: 2, total_tokens: 3 } }),
     );
     console.log(JSON.stringify({ node: process.version, usage }));`,
  );
  const outside = process.env.PATH?.split(delimiter).filter(
    (part) => !part.includes("node_modules"),
  );
  const env = { ...process.env, PATH: outside?.join(delimiter) };
  const { stdout } = await run("node", ["meter.js"], { cwd: consumer, env });
  const { node, usage } = JSON.parse(stdout);
  console.log(`metered a call under Node ${node}`);
  expect(usage).toMatchObject({ status: "recorded", costUsd: 0.1, totalTokens: 3 });
});

test.each([
  ["node16", "node16"],
  ["preserve", "bundler"],
])(
  "its types are found with module %s and resolution %s",
  async (module, resolution) => {
    await writeFile(
      join(consumer, "types.ts"),
      `import { createTallybase, QuotaExceededError } from "@tallybase/client";
     const tally = createTallybase({ url: "http://project.test", key: "sb_secret_1" });
     const { usage } = await tally.wrapWithTracking({ provider: "openai", model: "m" }, () => 1);
     export const cost: number | null = usage.costUsd;
     export const status: number = new QuotaExceededError({} as never).status;`,
    );
    const tsc = join(repository, "node_modules/.bin/tsc");
    const options = ["--module", module, "--moduleResolution", resolution, "--target", "es2022"];
    const strict = ["--strict", "--noEmit", "--types", "", "--lib", "es2022,dom"];
    await run(tsc, [...options, ...strict, "types.ts"], { cwd: consumer });
  },
  60_000,
);
