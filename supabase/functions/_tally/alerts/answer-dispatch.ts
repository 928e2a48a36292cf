import { lookup } from "node:dns/promises";
import type { ReadVariable } from "../env.ts";
import { TallyError } from "../errors.ts";
import type { RequestContext } from "../handle-request.ts";
import { readAlertSettings } from "./alert-settings.ts";
import { deliverAlerts } from "./deliver-alerts.ts";

/**
 * `POST` with the secret key: sends the alerts that are due and answers
 * `{ claimed, delivered, failed, dead }`. A scheduler calls it; its body is not read.
 */
export function answerDispatch(variable: ReadVariable) {
  return async (context: RequestContext): Promise<Response> => {
    context.allowMethods("POST");
    const actor = await context.authorize();
    if (actor.kind !== "service") {
      throw new TallyError("PT403", "Only the operator may send alerts.", {
        hint: "Call it with the secret key, from a scheduler.",
      });
    }
    const { database, env, fetch, now } = context.deps;
    const count = await deliverAlerts({
      database,
      fetch,
      now,
      resolveHost,
      settings: readAlertSettings(variable, env.supabaseUrl),
    });
    return Response.json(count);
  };
}

/** Longer than a name takes that can be found. */
const RESOLVE_TIMEOUT_MS = 5_000;

/** As a connection would: by the resolver of the system. It cannot be told to stop, only left. */
async function resolveHost(host: string): Promise<string[]> {
  let timer: ReturnType<typeof setTimeout> | undefined;
  const deadline = new Promise<never>((_, reject) => {
    timer = setTimeout(
      () => reject(new Error("The resolver does not answer.")),
      RESOLVE_TIMEOUT_MS,
    );
  });
  try {
    const found = await Promise.race([lookup(host, { all: true }), deadline]);
    return found.map(({ address }) => address);
  } finally {
    clearTimeout(timer);
  }
}
