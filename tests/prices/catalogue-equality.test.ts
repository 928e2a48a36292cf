import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Provider, waitForUpdate } from "@pydantic/genai-prices";
import { beforeAll, describe, expect, test } from "vitest";
import { mergeBook } from "../../packages/cli/src/prices/merge-book.ts";
import { providerName, readCatalogue } from "../../packages/cli/src/prices/read-catalogue.ts";
import { readOverlay } from "../../packages/cli/src/prices/read-overlay.ts";
import { catalogueCost, randomClasses } from "../support/catalogue.ts";
import { seededRandom } from "../support/seeded-random.ts";
import { DEVIATIONS } from "./support/deviations.ts";
import { createPricer, PRICES_DIR, ROOT, shippedBook } from "./support/price-usage.ts";

const CALLS_PER_MODEL = 16;
const seed = Number(process.env.TALLY_SEED ?? Math.floor(Math.random() * 2 ** 32));
let providers: Provider[] = [];

beforeAll(async () => {
  providers = (await waitForUpdate()) ?? [];
});

function isClose(ours: string | null, theirs: number): boolean {
  return ours !== null && Math.abs(Number(ours) - theirs) <= 1e-15 + 1e-11 * Math.abs(theirs);
}

/**
 * Prices random calls of every model both ways; the answers that differ, per `provider/model`.
 * `deviations`: what is left out of the comparison.
 */
function compare(pricer: ReturnType<typeof createPricer>, deviations: typeof DEVIATIONS) {
  const random = seededRandom(seed);
  const differences = new Map<string, string>();
  let calls = 0;
  for (const provider of providers) {
    for (const model of provider.models) {
      const name = providerName(provider.id);
      const deviation = deviations[`${name}/${model.id}`];
      if (deviation && deviation.only === undefined) continue;
      for (let n = 0; n < CALLS_PER_MODEL; n += 1) {
        const at = new Date(Date.UTC(2025, 0, 1) + Math.floor(random() * 1000 * 86_400) * 1000);
        const covered = { input: 1 };
        const card = pricer.cardOf({ provider: name, model: model.id, at, classes: covered });
        if (card === null) break;
        const classes = randomClasses(card.rates, random);
        for (const left of deviation?.only ?? []) delete classes[left];
        const ours = pricer.priceOf({ provider: name, model: model.id, at, classes });
        const theirs = catalogueCost(provider, model, classes, at);
        calls += 1;
        if (isClose(ours, theirs)) continue;
        const call = `${at.toISOString()} ${JSON.stringify(classes)}: ${ours} against ${theirs}`;
        differences.set(`${name}/${model.id}`, call);
      }
    }
  }
  return { calls, differences };
}

describe(`costs against the catalogue's own calculation (TALLY_SEED=${seed})`, () => {
  test("without the overlay, every model of every provider costs the same", async () => {
    const classes = readOverlay(PRICES_DIR);
    const book = mergeBook(
      { ...classes, cards: [], aliases: [], rules: [] },
      await readCatalogue(),
    );
    const { calls, differences } = compare(createPricer(book), {});
    expect(calls).toBeGreaterThan(20_000);
    expect([...differences]).toEqual([]);
  });

  test("the shipped book differs where it is listed to, and nowhere else", () => {
    const { calls, differences } = compare(createPricer(shippedBook()), DEVIATIONS);
    expect(calls).toBeGreaterThan(20_000);
    expect([...differences]).toEqual([]);
  });

  test("every listed deviation is one", () => {
    const pricer = createPricer(shippedBook());
    const stale = Object.entries(DEVIATIONS).filter(([name, { at, classes }]) => {
      const [id = "", ...rest] = name.split("/");
      const provider = providers.find((candidate) => providerName(candidate.id) === id);
      const model = provider?.models.find((candidate) => candidate.id === rest.join("/"));
      if (!provider || !model) return true;
      const timestamp = new Date(at);
      const ours = pricer.priceOf({ provider: id, model: model.id, at: timestamp, classes });
      return isClose(ours, catalogueCost(provider, model, classes, timestamp));
    });
    expect(stale.map(([name]) => name)).toEqual([]);
  });
});

test("docs/prices.md names every model that differs", () => {
  const text = readFileSync(join(ROOT, "docs/prices.md"), "utf8");
  const silent = Object.keys(DEVIATIONS).filter((name) => {
    const model = name.slice(name.indexOf("/") + 1);
    return !text.includes(`\`${model}\``) && !text.includes(`\`${name}\``);
  });
  expect(silent).toEqual([]);
});
