import type { Account } from "./account.ts";
import type { FormObject, FormValue } from "./parse-form.ts";

/** One call on its way through a route. */
export interface Call {
  account: Account;
  /** The parts of the path that are ids. */
  ids: string[];
  /** Parameters, checked. Of version 2: the JSON body. */
  values: FormObject;
  json: unknown;
  bearer: string;
  idempotencyKey: string;
}

/** A text among the parameters; empty when absent. */
export function textOf(value: FormValue | undefined): string {
  return typeof value === "string" ? value : "";
}

/** An object among the parameters; empty when absent. */
export function objectOf(value: FormValue | undefined): FormObject {
  return value === undefined || typeof value === "string" || Array.isArray(value) ? {} : value;
}

/** The texts of a map. */
export function mapOf(value: FormValue | undefined): Record<string, string> {
  return Object.fromEntries(
    Object.entries(objectOf(value)).map(([key, item]) => [key, textOf(item)]),
  );
}

/** Answers a list as Stripe pages it: newest last here, `starting_after` an id, `limit` up to 100. */
export function pageOf(items: { id: string }[], values: FormObject, url: string) {
  const limit = Math.min(100, Number(textOf(values.limit) || 10));
  const after = textOf(values.starting_after);
  const start = after ? items.findIndex(({ id }) => id === after) + 1 : 0;
  return {
    object: "list",
    url,
    has_more: start + limit < items.length,
    data: items.slice(start, start + limit),
  };
}
