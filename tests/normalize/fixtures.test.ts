import { readdirSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import {
  type NormalizedUsage,
  type NormalizeOptions,
  normalizeUsage,
} from "../../supabase/functions/_tally/normalize-usage.ts";

interface Fixture extends NormalizeOptions {
  name: string;
  provider: string;
  response: unknown;
  expected: Omit<NormalizedUsage, "raw">;
}

const folder = new URL("./fixtures/", import.meta.url);

/** A record without the provider's own object, which fixtures would only repeat. */
function withoutRaw({ raw: _, additional_usage: others, ...record }: NormalizedUsage): unknown {
  return others ? { ...record, additional_usage: others.map(withoutRaw) } : record;
}

for (const file of readdirSync(folder).filter((name) => name.endsWith(".json"))) {
  const fixtures: Fixture[] = JSON.parse(readFileSync(new URL(file, folder), "utf8"));
  describe(file.replace(".json", ""), () => {
    test.each(fixtures)("$name", ({ provider, response, expected, api, request }) => {
      const record = normalizeUsage(provider, response, {
        ...(api && { api }),
        ...(request && { request }),
      });
      expect(record && withoutRaw(record)).toEqual(expected);
    });
  });
}
