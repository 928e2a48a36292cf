import { CliError } from "../cli-error.ts";
import type { ProjectAccess } from "./find-project-access.ts";

/** Calls one of the project's edge functions as the operator. */
export function callFunction<Answer>(
  access: ProjectAccess,
  name: string,
  body: unknown = {},
): Promise<Answer> {
  return post(access, `/functions/v1/${name}`, body);
}

/** Calls one of the project's SQL functions as the operator. */
export function callDatabase<Answer>(
  access: ProjectAccess,
  name: string,
  parameters: Record<string, unknown>,
): Promise<Answer> {
  return post(access, `/rest/v1/rpc/${name}`, parameters);
}

const PAGE_SIZE = 1000;

/** The organizations that are billed, page by page. */
export async function listBilled({ url, secretKey }: ProjectAccess): Promise<string[]> {
  const found: string[] = [];
  for (;;) {
    const address = new URL("/rest/v1/billing_customers", url);
    address.search = `select=organization_id&order=organization_id&limit=${PAGE_SIZE}&offset=${found.length}`;
    const response = await fetch(address, { headers: { apikey: secretKey } });
    if (!response.ok) throw new CliError(`The project answers HTTP ${response.status}.`);
    const page = (await response.json()) as { organization_id: string }[];
    found.push(...page.map(({ organization_id }) => organization_id));
    // A server may give less than it is asked for.
    if (page.length === 0) return found;
  }
}

/** Longer than a function may run. */
const TIMEOUT_MS = 160_000;

async function post<Answer>(
  { url, secretKey }: ProjectAccess,
  path: string,
  body: unknown,
): Promise<Answer> {
  const response = await fetch(new URL(path, url), {
    method: "POST",
    headers: { apikey: secretKey, "content-type": "application/json" },
    body: JSON.stringify(body),
    signal: AbortSignal.timeout(TIMEOUT_MS),
  }).catch((cause: unknown) => {
    throw new CliError(`The project does not answer at ${url}.`, undefined, { cause });
  });
  const text = await response.text();
  if (response.ok) return JSON.parse(text || "null") as Answer;
  let error: { message?: string; hint?: string } = {};
  try {
    error = JSON.parse(text);
  } catch {
    // No JSON: the status says enough.
  }
  throw new CliError(error.message ?? `HTTP ${response.status}`, error.hint || undefined);
}
