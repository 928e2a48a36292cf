import { defineConfig } from "vitest/config";

/** Tests that need something running: each folder is a project of its own. */
const folders = {
  stack: "tests/stack/**",
  e2e: "tests/e2e/**",
  races: "tests/races/**",
  database: "{tests/{prices-sql,reports,removal},tests/{billing,import}/database}/**",
};

export default defineConfig({
  test: {
    projects: [
      {
        test: {
          name: "unit",
          include: ["packages/*/test/**/*.test.{ts,tsx}", "tests/**/*.test.ts"],
          exclude: Object.values(folders),
          // Generous: a busy machine shall not fail a test that measures nothing.
          testTimeout: 30_000,
        },
      },
      {
        // One server for the run, a database of its own for each file.
        test: {
          name: "races",
          include: [`${folders.races}/*.test.ts`],
          globalSetup: "tests/support/database.ts",
          testTimeout: 60_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        // Like the races: prices, reports, billing and imports, as the database computes them.
        test: {
          name: "database",
          include: [`${folders.database}/*.test.ts`],
          globalSetup: "tests/support/database.ts",
          env: { STRIPE_SUPPRESS_NOTICES: "true" },
          testTimeout: 120_000,
          hookTimeout: 60_000,
          fileParallelism: false,
        },
      },
      {
        // Starts and stops stacks itself.
        test: {
          name: "stack",
          include: [`${folders.stack}/*.test.ts`],
          testTimeout: 180_000,
          hookTimeout: 180_000,
          fileParallelism: false,
        },
      },
      {
        // Speaks HTTP to one running stack.
        test: {
          name: "e2e",
          include: [`${folders.e2e}/*.test.ts`],
          globalSetup: "tests/support/stack.ts",
          testTimeout: 60_000,
          hookTimeout: 120_000,
          fileParallelism: false,
        },
      },
    ],
  },
});
