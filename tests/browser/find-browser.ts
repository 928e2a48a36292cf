import { existsSync } from "node:fs";
import bundled from "@sparticuz/chromium";
import { type Browser, chromium } from "playwright-core";

/** Where systems keep a Chromium of their own. */
const usualPlaces = [
  "/usr/bin/chromium",
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];

/** Containers have no user namespaces for a sandbox and little shared memory. */
const flags = ["--no-sandbox", "--disable-dev-shm-usage"];

/**
 * Starts a headless Chromium: that of `TALLYBASE_BROWSER`, else the one that `npm install` brings (for
 * Linux on x64), else one of the system.
 *
 * @throws Error that says where it looked and what to do.
 */
export async function startBrowser(): Promise<Browser> {
  const looked: string[] = [];
  for (const { name, find } of candidates()) {
    try {
      const executablePath = await find();
      if (!executablePath || !existsSync(executablePath)) throw new Error("not there");
      return await chromium.launch({ executablePath, args: flags, headless: true });
    } catch (error) {
      looked.push(`  ${name}: ${error instanceof Error ? error.message.split("\n")[0] : error}`);
    }
  }
  throw new Error(
    `No browser for the tests.\n${looked.join("\n")}\n` +
      "Install Chromium (Debian: apt-get install chromium) or set TALLYBASE_BROWSER to the path of one.",
  );
}

function candidates() {
  const { TALLYBASE_BROWSER: named } = process.env;
  // Who names a browser wants that one, not another.
  if (named) return [{ name: `TALLYBASE_BROWSER=${named}`, find: async () => named }];
  return [
    {
      name: "@sparticuz/chromium",
      find: async () => {
        const { platform, arch } = process;
        if (platform !== "linux" || arch !== "x64") throw new Error(`not for ${platform} ${arch}`);
        return bundled.executablePath();
      },
    },
    ...usualPlaces.map((path) => ({ name: path, find: async () => path })),
  ];
}
