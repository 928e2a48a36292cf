import { execFile } from "node:child_process";
import { mkdtemp, readdir, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { promisify } from "node:util";
import { publint } from "publint";
import { afterAll, beforeAll, describe, expect, test } from "vitest";
import { buildClient } from "../../packages/client/scripts/build.ts";
import { buildReact } from "../../packages/react/scripts/build.ts";

const run = promisify(execFile);
const attw = resolve(import.meta.dirname, "../../node_modules/.bin/attw");

let directory: string;
beforeAll(async () => {
  directory = await mkdtemp(join(tmpdir(), "tallybase-packages-"));
  await buildClient(join(directory, "client"));
  await buildReact(join(directory, "react"));
}, 60_000);
afterAll(() => rm(directory, { recursive: true, force: true }));

describe.each(["client", "react"])("@tallybase/%s as it is published", (name) => {
  test("publint has nothing to say", async () => {
    const { messages } = await publint({ pkgDir: join(directory, name), strict: true });
    expect(messages).toEqual([]);
  });

  test("its types are found in every way that modules are", async () => {
    const options = ["--pack", ".", "--profile", "esm-only", "--no-color", "--format", "json"];
    const { stdout } = await run(attw, options, { cwd: join(directory, name) });
    const { analysis } = JSON.parse(stdout) as { analysis: { problems: { kind: string }[] } };
    // A package of modules alone: what CommonJS makes of it is known.
    const problems = analysis.problems.filter(({ kind }) => kind !== "CJSResolvesToESM");
    expect(problems).toEqual([]);
  }, 60_000);

  test("no public type is any", async () => {
    const files = (await readdir(join(directory, name))).filter((file) => file.endsWith(".d.ts"));
    expect(files.length).toBeGreaterThan(5);
    for (const file of files) {
      const text = await readFile(join(directory, name, file), "utf8");
      const code = text.replaceAll(/\/\*[\s\S]*?\*\//g, "");
      expect([file, code.match(/\bany\b/g)]).toEqual([file, null]);
    }
  });

  test("each export is documented, each function with an example", async () => {
    const index = await readFile(join(directory, name, "index.d.ts"), "utf8");
    for (const [, names = "", from = ""] of index.matchAll(
      /export (?!type)\{([^}]+)\} from "\.\/(.+)\.js"/g,
    )) {
      const text = await readFile(join(directory, name, `${from}.d.ts`), "utf8");
      for (const exported of names.split(",").filter((part) => !part.includes("type "))) {
        const [, comment] =
          new RegExp(
            `(/\\*\\*(?:(?!\\*/)[\\s\\S])*\\*/)\\s*export declare (?:async )?(?:function|const|class) ${exported.trim()}\\b`,
          ).exec(text) ?? [];
        expect([exported.trim(), comment?.includes("@example")]).toEqual([exported.trim(), true]);
      }
    }
  });
});

test("a framework with server components is told that the React package uses state", async () => {
  const code = await readFile(join(directory, "react/index.js"), "utf8");
  expect(code.startsWith('"use client";')).toBe(true);
});
