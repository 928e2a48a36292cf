import { DeliveryFailure } from "./delivery.ts";
import { isPublicAddress } from "./public-address.ts";

/** The IP addresses of a host name; throws or answers none when it has none. */
export type ResolveHost = (host: string) => Promise<string[]>;

/** Names of this machine, as the URL parser writes them. */
const LOOPBACK = ["localhost", "127.0.0.1", "[::1]"];

/** Whether a URL is on this machine. */
export function isLoopback(url: URL): boolean {
  return LOOPBACK.includes(url.hostname);
}

/**
 * Makes sure that a message leaves for the public internet: an organization must not reach into the
 * operator's network with it. Checked at each attempt, because names change their addresses.
 *
 * @param allowsLoopback for development, when everything runs on one machine
 * @throws {DeliveryFailure}
 */
export async function checkTarget(
  address: string,
  { allowsLoopback, resolveHost }: { allowsLoopback: boolean; resolveHost: ResolveHost },
): Promise<URL> {
  if (!URL.canParse(address)) throw new DeliveryFailure("The target is not a URL.");
  const url = new URL(address);
  if (isLoopback(url)) {
    if (allowsLoopback && /^https?:$/.test(url.protocol)) return url;
    throw new DeliveryFailure(
      "A target on the sender's own machine is for local development only.",
    );
  }
  if (url.protocol !== "https:" || url.username !== "" || url.password !== "") {
    throw new DeliveryFailure("The target must be https, without user name.");
  }
  const host = url.hostname.replace(/^\[|\]$/g, "");
  const isAddress = url.hostname.startsWith("[") || /^[\d.]+$/.test(host);
  const addresses = isAddress ? [host] : await resolveHost(host).catch(() => []);
  if (addresses.length === 0) throw new DeliveryFailure("The host of the target is not found.");
  // One bad address is enough: which one a connection takes is not ours to say.
  if (!addresses.every(isPublicAddress)) {
    throw new DeliveryFailure("The host of the target is inside a private network.");
  }
  return url;
}
