import type { Call } from "./call.ts";
import type { Shapes } from "./check-parameters.ts";
import { EVENT_ROUTES } from "./event-routes.ts";
import { METER_ROUTES } from "./meter-routes.ts";
import { OBJECT_ROUTES } from "./object-routes.ts";
import { STREAM_ROUTES } from "./stream-routes.ts";

/** One call of the API. */
export interface Route {
  method: "GET" | "POST";
  /** `:id` stands for one part. */
  path: string;
  /** The parameters of version 1; version 2 reads JSON. */
  shapes?: Shapes;
  /** Whether it wants the token of a session instead of the key. */
  needsSession?: boolean;
  /** Calls of which only one may run at a time, by name. */
  oneAtATime?: (call: Call) => string;
  answer(call: Call): unknown;
}

const ROUTES = [...METER_ROUTES, ...EVENT_ROUTES, ...OBJECT_ROUTES, ...STREAM_ROUTES].map(
  (route) => ({
    route,
    pattern: new RegExp(`^${route.path.replaceAll(":id", "([^/]+)")}$`),
  }),
);

/** The route of a request and the ids in its path. */
export function findRoute(method: string, path: string): { route: Route; ids: string[] } | null {
  for (const { route, pattern } of ROUTES) {
    const match = route.method === method ? pattern.exec(path) : null;
    if (match) return { route, ids: match.slice(1).map(decodeURIComponent) };
  }
  return null;
}
