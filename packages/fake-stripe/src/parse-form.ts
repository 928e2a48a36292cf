import { StripeFailure } from "./stripe-failure.ts";

/** A parameter as it arrived: text, a list, or an object. */
export type FormValue = string | FormValue[] | { [key: string]: FormValue };
export type FormObject = { [key: string]: FormValue };

/**
 * Parses `application/x-www-form-urlencoded` text with bracketed names (`payload[value]=25`,
 * `expand[]=data`, `items[0][price]=x`) as the first version of Stripe's API does.
 *
 * @throws {StripeFailure} 400 for a name that is malformed, given twice, or an object and a text at once.
 */
export function parseForm(text: string): FormObject {
  const root: FormObject = Object.create(null);
  for (const [name, value] of new URLSearchParams(text)) {
    const path = pathOf(name);
    let node: FormObject = root;
    for (const [depth, key] of path.entries()) {
      const place = key === "" ? String(Object.keys(node).length) : key;
      if (depth === path.length - 1) {
        if (place in node) throw invalid(name);
        node[place] = value;
        break;
      }
      const next = node[place] ?? Object.create(null);
      if (typeof next === "string" || Array.isArray(next)) throw invalid(name);
      node[place] = next;
      node = next;
    }
  }
  return asLists(root) as FormObject;
}

/** `a[b][]` → `a`, `b`, `` */
function pathOf(name: string): string[] {
  const match = /^([^[\]]+)((?:\[[^[\]]*\])*)$/.exec(name);
  if (!match) throw invalid(name);
  const [, head = "", rest = ""] = match;
  return [head, ...[...rest.matchAll(/\[([^[\]]*)\]/g)].map(([, key = ""]) => key)];
}

function invalid(name: string): StripeFailure {
  return new StripeFailure(400, `Invalid request: the parameter ${name} cannot be read.`, {
    param: name,
  });
}

/** Objects whose keys count from 0 are lists. */
function asLists(value: FormValue): FormValue {
  if (typeof value === "string" || Array.isArray(value)) return value;
  const entries = Object.entries(value).map(([key, item]) => [key, asLists(item)] as const);
  const isList = entries.length > 0 && entries.every(([key], index) => key === String(index));
  return isList ? entries.map(([, item]) => item) : Object.fromEntries(entries);
}
