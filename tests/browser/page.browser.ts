import type { Browser, BrowserContext, Page } from "playwright-core";
import { createElement } from "react";
import { renderToString } from "react-dom/server";
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { createTallybase } from "../../packages/client/src/index.ts";
import {
  addMember,
  createTenant,
  createUser,
  eventsOf,
  setQuota,
  sql,
  stack,
  type Tenant,
} from "../e2e/client/arrange.ts";
import { type FaultyNetwork, startNetwork } from "../e2e/client/faulty-network.ts";
import type { PageSettings } from "./app/page-settings.ts";
import { view } from "./app/view.ts";
import { startBrowser } from "./find-browser.ts";
import { type ServedPage, servePage } from "./serve-page.ts";

const call = { provider: "openai", model: "gpt-4o" };

let browser: Browser;
let served: ServedPage;
/** Between the page and the project's tables. */
let network: FaultyNetwork;
beforeAll(async () => {
  network = await startNetwork(stack.API_URL, 0);
  const proxy = { "/rest": network.url, "/functions": stack.API_URL };
  [browser, served] = await Promise.all([startBrowser(), servePage(proxy)]);
});
afterAll(async () => {
  await browser?.close();
  await served?.close();
  await network?.close();
  await sql.end();
});

let tenant: Tenant;
let token: string;
let context: BrowserContext;
let page: Page;
/** What the page wrote to its console, and threw. */
let complaints: string[];
/** The functions that the page asked for. */
let asked: string[];
beforeEach(async () => {
  tenant = await createTenant();
  const user = await createUser();
  await addMember(tenant.organizationId, user.id);
  token = user.token;
  context = await browser.newContext({ viewport: { width: 640, height: 480 } });
  page = await context.newPage();
  complaints = [];
  asked = [];
  page.on("console", (message) => {
    if (["error", "warning"].includes(message.type())) complaints.push(message.text());
  });
  page.on("pageerror", (error) => complaints.push(error.message));
  page.on("request", (request) => {
    const [, name] = /\/rpc\/(\w+)$/.exec(request.url()) ?? [];
    if (name && request.method() === "POST") asked.push(name);
  });
});
afterEach(async () => {
  network.always = null;
  await context.close();
});

async function open(more: Partial<PageSettings> = {}): Promise<void> {
  const settings: PageSettings = {
    url: served.url,
    key: stack.PUBLISHABLE_KEY,
    token,
    organizationId: tenant.organizationId,
    pollIntervalMs: 60_000,
    html: "",
    hasRealtime: false,
    ...more,
  };
  await page.addInitScript((given) => Object.assign(window, { settings: given }), settings);
  await page.goto(served.url);
}

const use = (inputTokens: number) => tenant.tally.track({ ...call, inputTokens, outputTokens: 0 });
const budget = () => page.getByRole("progressbar", { name: "Budget today" }).first();

describe("the quota indicator", () => {
  test("says how full a quota is: in words, to screen readers, and by more than a colour", async () => {
    await setQuota(tenant.organizationId, 1);
    await setQuota(tenant.organizationId, 100, "requests");
    await use(320_000);
    await open();
    await expect.poll(() => budget().getAttribute("aria-valuenow")).toBe("80");
    expect(await budget().getAttribute("aria-valuetext")).toBe("$0.80 of $1.00 used (80%)");
    expect(await page.getByText("Running low").first().isVisible()).toBe(true);
    expect(
      await page.getByText("$0.80 of $1.00 used (80%) · Starts again").first().isVisible(),
    ).toBe(true);
    const calls = page.getByRole("progressbar", { name: "Calls" });
    expect(await calls.getAttribute("aria-valuetext")).toBe("1 of 100 used (1%)");
    await page.screenshot({ path: process.env.TALLYBASE_SCREENSHOT ?? "/dev/null", type: "png" });
    expect(complaints).toEqual([]);
  });

  test("its colours can be read and told apart", async () => {
    await setQuota(tenant.organizationId, 1);
    await use(320_000);
    await open();
    await budget().waitFor();
    const colors = await page.evaluate(() => {
      const colorOf = (selector: string, name: "color" | "backgroundColor") => {
        const element = document.querySelector(selector);
        return element ? getComputedStyle(element)[name] : "";
      };
      return {
        fill: colorOf(".tallybase-quota-fill", "backgroundColor"),
        track: colorOf(".tallybase-quota-track", "backgroundColor"),
        warning: colorOf(".tallybase-quota-warning", "color"),
      };
    });
    expect(contrast(colors.fill, colors.track)).toBeGreaterThan(3);
    expect(contrast(colors.warning, "rgb(255, 255, 255)")).toBeGreaterThan(4.5);
  });

  test("has no style of ours when it shall have yours", async () => {
    await setQuota(tenant.organizationId, 1);
    await open();
    const track = page.locator(".mine .tallybase-quota-track");
    await track.waitFor();
    expect(await track.getAttribute("style")).toBeNull();
    expect(await track.evaluate((element) => getComputedStyle(element).height)).toBe("4px");
  });

  test("takes over what a server rendered, without a word from React", async () => {
    await setQuota(tenant.organizationId, 1);
    const client = createTallybase({ url: stack.API_URL, key: stack.PUBLISHABLE_KEY });
    const html = renderToString(
      createElement(() => view(client, { organizationId: tenant.organizationId })),
    );
    expect(html).toContain("Loading quota");
    await open({ html });
    await budget().waitFor();
    expect(complaints).toEqual([]);
  });

  test("ends its questions when nobody looks any more", async () => {
    await setQuota(tenant.organizationId, 1);
    await open({ pollIntervalMs: 100 });
    await budget().waitFor();
    await page.evaluate(() => window.show(0));
    await page.getByRole("progressbar").first().waitFor({ state: "detached" });
    const questions = () => asked.filter((name) => name === "quota_status").length;
    const before = questions();
    await page.waitForFunction(
      (since) => performance.now() > since + 500,
      await page.evaluate(() => performance.now()),
    );
    expect(questions()).toBeLessThanOrEqual(before + 1);
  });
});

describe("many components", () => {
  test("ask once", async () => {
    await setQuota(tenant.organizationId, 1);
    await setQuota(tenant.organizationId, 100, "requests");
    await open();
    await budget().waitFor();
    await page.evaluate(() => window.show(60));
    await expect.poll(() => page.locator(".tallybase-quota").count()).toBe(60);
    // React's strict mode mounts everything twice, which aborts the first question.
    expect(asked.filter((name) => name === "quota_status").length).toBeLessThanOrEqual(2);
  });

  test("see a change by polling", async () => {
    await setQuota(tenant.organizationId, 1);
    await open({ pollIntervalMs: 200 });
    await expect.poll(() => budget().getAttribute("aria-valuenow")).toBe("0");
    await use(400_000);
    await expect.poll(() => budget().getAttribute("aria-valuenow")).toBe("100");
    expect(await page.getByText("Used up").first().isVisible()).toBe(true);
  });

  test("see a change by Realtime, a hundred hints at once as one", async () => {
    await setQuota(tenant.organizationId, 1);
    await open({ hasRealtime: true });
    await expect.poll(() => budget().getAttribute("aria-valuenow")).toBe("0");
    await use(200_000);
    const questions = () => asked.filter((name) => name === "quota_status").length;
    const before = questions();
    await page.evaluate(() => {
      for (let count = 0; count < 100; count++) window.hint();
    });
    await expect.poll(() => budget().getAttribute("aria-valuenow")).toBe("50");
    expect(questions() - before).toBeLessThanOrEqual(2);
  });
});

test("what was used this month, and again when it is asked for", async () => {
  await use(320_000);
  await tenant.tally.track({ ...call, provider: "anthropic", inputTokens: 1, outputTokens: 0 });
  await open();
  const button = page.getByRole("button");
  await expect.poll(() => button.textContent()).toBe("1 calls, $0.8");
  await use(40_000);
  await button.click();
  await expect.poll(() => button.textContent()).toBe("2 calls, $0.9");
});

describe("usage that a page records", () => {
  beforeEach(async () => {
    const { organizationId } = tenant;
    await sql`update public.organizations set allow_client_tracking = true where id = ${organizationId}`;
  });

  const recorded = () => eventsOf(tenant.organizationId);
  const add = () =>
    page.evaluate((event) => {
      window.tally.queue.add({ ...event, inputTokens: 10, outputTokens: 1 });
    }, call);

  test("is sent when the page is left", async () => {
    await open();
    await page.evaluate((event) => {
      for (const outputTokens of [1, 2, 3])
        window.tally.queue.add({ ...event, inputTokens: 10, outputTokens });
    }, call);
    await page.goto("about:blank");
    await expect.poll(recorded).toHaveLength(3);
  });

  test("offline outlives a reload, and is counted once when the network is back", async () => {
    await open();
    network.always = "refused";
    await add();
    await add();
    await page.reload();
    await add();
    expect(await page.evaluate(() => localStorage.length)).toBe(3);
    expect(await recorded()).toEqual([]);
    network.always = null;
    await page.evaluate(() => window.dispatchEvent(new Event("online")));
    await expect.poll(recorded).toHaveLength(3);
    await expect.poll(() => page.evaluate(() => localStorage.length)).toBe(0);
  });

  test("whose answer was lost is counted once", async () => {
    await open();
    network.always = "reset after commit";
    await add();
    await expect.poll(recorded).toHaveLength(1);
    expect(await page.evaluate(() => window.tally.queue.length)).toBe(1);
    network.always = null;
    await expect.poll(() => page.evaluate(() => window.tally.queue.length)).toBe(0);
    expect(await recorded()).toHaveLength(1);
    expect(asked.filter((name) => name === "track_usage_batch").length).toBeGreaterThan(1);
  });

  test("a chat through the gateway arrives piece by piece, with its usage", async () => {
    await open();
    const answer = await page.evaluate(async () => {
      const stream = await window.tally.executeWithTracking({
        provider: "openai",
        model: "gpt-4o",
        messages: [{ role: "user", content: "Hello [[fake words=8 chunk_delay=5]]" }],
        stream: true,
      });
      const pieces: string[] = [];
      for await (const piece of stream) pieces.push(piece);
      return { pieces: pieces.length, ...(await stream.finalResponse()) };
    });
    expect(answer.pieces).toBe(8);
    const [event] = await recorded();
    expect(answer).toMatchObject({ usageId: event?.id, cost: Number(event?.cost_usd) });
    expect(answer.usage.outputTokens).toBe(event?.output_tokens);
  });
});

/** The contrast of two colours, as WCAG computes it. */
function contrast(...colors: [string, string]): number {
  const [one = 0, other = 0] = colors.map((color) => {
    const parts = (color.match(/[\d.]+/g) ?? []).slice(0, 3).map(Number);
    const linear = parts.map((part) => {
      const share = part / 255;
      return share <= 0.04045 ? share / 12.92 : ((share + 0.055) / 1.055) ** 2.4;
    });
    const [red = 0, green = 0, blue = 0] = linear;
    return 0.2126 * red + 0.7152 * green + 0.0722 * blue;
  });
  return (Math.max(one, other) + 0.05) / (Math.min(one, other) + 0.05);
}
