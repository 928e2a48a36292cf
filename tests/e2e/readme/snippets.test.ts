import { execFile } from "node:child_process";
import { readFileSync, rmSync, writeFileSync } from "node:fs";
import { promisify } from "node:util";
import { afterAll, expect, inject, test } from "vitest";

const stack = inject("stack");
const ROOT = new URL("../../../", import.meta.url);
const SNIPPETS = [
  ...readFileSync(new URL("README.md", ROOT), "utf8").matchAll(/```ts\n([\s\S]*?)```/g),
].map(([, code = ""]) => code);
/** In the repository, so that the snippets find the packages that they import. */
const FILE = new URL(`examples/readme-snippet-${process.pid}.ts`, ROOT);

afterAll(() => rmSync(FILE, { force: true }));

/** Runs a snippet between lines of ours, as a program with the environment that the README assumes. */
async function run(before: string, snippet: string, after: string): Promise<string> {
  writeFileSync(FILE, [before, snippet, after].join("\n"));
  const { stdout } = await promisify(execFile)(process.execPath, [FILE.pathname], {
    env: { ...process.env, ...stack } as NodeJS.ProcessEnv,
  });
  return stdout;
}

test("the README has two snippets", () => {
  expect(SNIPPETS).toHaveLength(2);
});

test("an SDK with two lines changed is answered", async () => {
  const answered = await run(
    "",
    SNIPPETS[0] ?? "",
    "console.log(answer.choices[0]?.message.content);",
  );

  expect(answered.trim()).not.toBe("");
});

test("a call that is wrapped is made and priced", async () => {
  const surroundings = `
    const organizationId = process.env.DEMO_ORGANIZATION_ID;
    const messages = [{ role: "user", content: "Hello" }];
    const anthropic = {
      messages: {
        create: async (body: object) => {
          const answer = await fetch(process.env.FAKE_PROVIDER_URL + "/anthropic/v1/messages", {
            method: "POST",
            headers: { "content-type": "application/json", "x-api-key": "any", "anthropic-version": "2023-06-01" },
            body: JSON.stringify(body),
          });
          return await answer.json();
        },
      },
    };`;

  const printed = await run(surroundings, SNIPPETS[1] ?? "", "console.log(response.model);");

  const [cost, model] = printed.trim().split("\n");
  expect(Number(cost)).toBeGreaterThan(0);
  expect(model).toBe("claude-sonnet-4-5");
});
