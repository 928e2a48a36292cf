import { TallyError } from "../errors.ts";
import type { EndpointAdapter, ProviderAdapter } from "./adapter.ts";
import { openai } from "./adapters/openai.ts";

/** Every provider that the gateway speaks to. A new one is one adapter more here. */
const PROVIDERS: readonly ProviderAdapter[] = [openai];

/** The provider whose base path a request uses; undefined when there is none. */
export function findProvider(path: string): ProviderAdapter | undefined {
  return PROVIDERS.find(({ name }) => path === `/${name}` || path.startsWith(`/${name}/`));
}

/**
 * Finds the endpoint for a path below `gateway`. Only listed paths exist: an unmetered one would be a
 * hole in every quota.
 *
 * @throws {TallyError} PT404 listing what there is.
 */
export function findEndpoint(
  path: string,
): { provider: ProviderAdapter; endpoint: EndpointAdapter } {
  const provider = findProvider(path);
  const endpoint = provider?.endpoints.find((listed) => path === `/${provider.name}${listed.path}`);
  if (provider === undefined || endpoint === undefined) {
    const listed = (provider === undefined ? PROVIDERS : [provider])
      .flatMap(({ name, endpoints }) => endpoints.map((known) => `${name}${known.path}`));
    throw new TallyError("PT404", "The gateway does not pass this path on.", {
      hint: `It knows ${listed.join(", ")}.`,
    });
  }
  return { provider, endpoint };
}
