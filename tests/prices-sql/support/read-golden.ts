import { readFileSync } from "node:fs";
import {
  type NormalizedUsage,
  type NormalizeOptions,
  normalizeUsage,
} from "../../../supabase/functions/_tally/normalize-usage.ts";

/** A cost, and how it comes about by the prices that the provider documents. */
interface Cost {
  readonly sum: string;
  readonly cost: string;
}

/** A response of tests/normalize/fixtures, and who was asked where it does not say so itself. */
interface Reference {
  readonly file: string;
  readonly name: string;
  readonly provider?: string;
  readonly model?: string;
}

/** `also`: what the same response spent on other models. */
export type PricedCall = Reference & Cost & { readonly also?: readonly Cost[] };
export type UnpricedCall = Reference & { readonly why: string };

interface Fixture extends NormalizeOptions {
  readonly name: string;
  readonly provider: string;
  readonly response: unknown;
}

const FIXTURES = new URL("../../normalize/fixtures/", import.meta.url);

function readJson<T>(url: URL): T {
  return JSON.parse(readFileSync(url, "utf8")) as T;
}

/** Responses with their costs, and responses that have none. */
export function readGolden(): {
  readonly priced: readonly PricedCall[];
  readonly unpriced: readonly UnpricedCall[];
} {
  return readJson(new URL("../golden-costs.json", import.meta.url));
}

/** The raw response that a golden cost is about, normalized as every function does it. */
export function normalizeFixture({ file, name, provider, model }: Reference): {
  readonly provider: string;
  readonly model: string | null;
  readonly usage: NormalizedUsage;
} {
  const fixture = readJson<Fixture[]>(new URL(`${file}.json`, FIXTURES)).find(
    (candidate) => candidate.name === name,
  );
  if (fixture === undefined) throw new Error(`${file}.json has no response "${name}".`);
  const usage = normalizeUsage(fixture.provider, fixture.response, {
    ...(fixture.api && { api: fixture.api }),
    ...(fixture.request && { request: fixture.request }),
  });
  if (usage === null) throw new Error(`"${name}" of ${file}.json states no usage.`);
  const asked = model ?? fixture.request?.model ?? null;
  return { provider: provider ?? fixture.provider, model: asked, usage };
}
