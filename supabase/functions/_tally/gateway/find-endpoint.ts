import type { FreePath } from "../env.ts";
import { TallyError } from "../errors.ts";
import type { EndpointAdapter, ProviderAdapter } from "./adapter.ts";
import { anthropic } from "./adapters/anthropic.ts";
import { free } from "./adapters/free.ts";
import { google } from "./adapters/google.ts";
import { openai } from "./adapters/openai.ts";
import { xai } from "./adapters/xai.ts";

/** Every provider that the gateway speaks to. A new one is one adapter more here. */
const PROVIDERS: readonly ProviderAdapter[] = [openai, anthropic, google, xai];

/** Where a request goes. */
export interface FoundEndpoint {
  provider: ProviderAdapter;
  endpoint: EndpointAdapter;
  /** The version of the API that the caller speaks: `/v1beta`. */
  version: string;
  /** The path below it. */
  path: string;
  /** The model that the path names; null where the body does. */
  model: string | null;
}

interface Route {
  pattern: RegExp;
  endpoint: EndpointAdapter;
}

/** One segment of a path that names a model. */
const MODEL = "{model}";

const ROUTES = new Map(
  PROVIDERS.map((
    { name, endpoints },
  ): [string, Route[]] => [name, endpoints.map(toRoute)]),
);

function toRoute(endpoint: EndpointAdapter): Route {
  const [before = "", after] = endpoint.path.split(MODEL).map((part) =>
    part.replace(/\W/g, "\\$&")
  );
  const pattern = after === undefined ? `^${before}$` : `^${before}([^/:]{1,256})${after}$`;
  return { pattern: new RegExp(pattern), endpoint };
}

/** The provider whose base path a request uses; undefined when there is none. */
export function findProvider(path: string): ProviderAdapter | undefined {
  return PROVIDERS.find(({ name }) => path === `/${name}` || path.startsWith(`/${name}/`));
}

/**
 * Finds the endpoint for a path below `gateway`. Only listed paths exist: an unmetered one would be a
 * hole in every quota.
 *
 * @throws {TallyError} PT404 listing what there is, PT405 where another method is.
 */
export function findEndpoint(
  path: string,
  method: string,
  freePaths: readonly FreePath[],
): FoundEndpoint {
  const provider = findProvider(path);
  const below = provider === undefined ? "" : path.slice(provider.name.length + 1);
  const version = provider?.versions.find((known) => below.startsWith(`${known}/`));
  if (provider === undefined || version === undefined) {
    throw unknownPath(provider);
  }
  const asked = below.slice(version.length);
  const matches = (ROUTES.get(provider.name) as Route[]).flatMap(
    ({ pattern, endpoint }) => {
      const match = pattern.exec(asked);
      return match === null ? [] : [{ endpoint, model: decodeModel(match[1]) }];
    },
  );
  const match = matches.find(({ endpoint }) => endpoint.method === method);
  const found = { provider, version, path: asked };
  if (match !== undefined) return { ...found, ...match };
  const allowed = freePaths.find((entry) =>
    entry.provider === provider.name && entry.method === method &&
    isBelow(asked, entry.path)
  );
  if (allowed !== undefined) {
    return {
      ...found,
      endpoint: free(allowed.method, allowed.path),
      model: null,
    };
  }
  const [other] = matches;
  if (other === undefined) throw unknownPath(provider);
  throw new TallyError("PT405", `The method ${method} is not allowed here.`, {
    hint: `Use ${other.endpoint.method}.`,
    headers: { allow: other.endpoint.method },
  });
}

/** Dots would lead out of what is listed once a URL is made of the path. */
function isBelow(path: string, listed: string): boolean {
  if (/(^|\/)\.{1,2}(\/|$)|%2e|%2f|\\/i.test(path)) return false;
  return listed.endsWith("*") ? path.startsWith(listed.slice(0, -1)) : path === listed;
}

/** Names may hold slashes, but never lead out of the list of models, however often they are decoded. */
function decodeModel(segment: string | undefined): string | null {
  if (segment === undefined) return null;
  try {
    const model = decodeURIComponent(segment);
    if (!model.split(/[/\\]|%(?:25)*(?:2f|5c)/i).some(isDots)) return model;
  } catch {
    // Answered below.
  }
  throw new TallyError("PT400", "The model in the path is not valid.", {
    hint: "Name the model as the provider's list of models does.",
    details: "model",
  });
}

function isDots(segment: string): boolean {
  return /^(?:\.|%(?:25)*2e)+$/i.test(segment);
}

function unknownPath(provider: ProviderAdapter | undefined): TallyError {
  const listed = (provider === undefined ? PROVIDERS : [provider])
    .flatMap(({ name, versions, endpoints }) =>
      endpoints.map(({ method, path }) => `${method} ${name}${versions[0]}${path}`)
    );
  return new TallyError("PT404", "The gateway does not pass this path on.", {
    hint: `It knows ${listed.join(", ")}.`,
  });
}
