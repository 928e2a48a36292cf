import { fileURLToPath } from "node:url";
import { defineConfig } from "vitest/config";

/** Pages in a real browser, in front of one running stack. */
export default defineConfig({
  test: {
    name: "browser",
    root: fileURLToPath(new URL("../..", import.meta.url)),
    include: ["tests/browser/*.browser.ts"],
    globalSetup: "tests/support/stack.ts",
    testTimeout: 60_000,
    hookTimeout: 120_000,
    fileParallelism: false,
  },
});
