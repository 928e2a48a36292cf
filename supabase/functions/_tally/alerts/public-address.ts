/** What is not the public internet: private networks, this machine, shared and reserved ranges. */
const RESERVED_V4: [string, number][] = [
  ["0.0.0.0", 8],
  ["10.0.0.0", 8],
  ["100.64.0.0", 10],
  ["127.0.0.0", 8],
  ["169.254.0.0", 16],
  ["172.16.0.0", 12],
  ["192.0.0.0", 24],
  ["192.0.2.0", 24],
  ["192.88.99.0", 24],
  ["192.168.0.0", 16],
  ["198.18.0.0", 15],
  ["198.51.100.0", 24],
  ["203.0.113.0", 24],
  ["224.0.0.0", 3],
];

/** Whether an IP address is on the public internet. Anything that is no IP address is not. */
export function isPublicAddress(address: string): boolean {
  if (/^\d{1,3}(\.\d{1,3}){3}$/.test(address)) return isPublicV4(toNumber(address));
  const groups = parseV6(address);
  if (groups === null) return false;
  const [a, b, c, d, e, f, g, h] = groups;
  const embedded = (g << 16 | h) >>> 0;
  // IPv4 in other clothes: mapped (::ffff:a.b.c.d), and translated by NAT64.
  if (a === 0 && b === 0 && c === 0 && d === 0 && e === 0 && f === 0xffff) {
    return isPublicV4(embedded);
  }
  if (a === 0x64 && b === 0xff9b && c === 0 && d === 0 && e === 0 && f === 0) {
    return isPublicV4(embedded);
  }
  const isGlobalUnicast = (a & 0xe000) === 0x2000;
  const isReserved = (a === 0x2001 && (b < 0x200 || b === 0xdb8)) || a === 0x2002 ||
    (a === 0x3fff && b < 0x1000);
  return isGlobalUnicast && !isReserved;
}

function isPublicV4(address: number): boolean {
  return !RESERVED_V4.some(([base, bits]) =>
    address >>> (32 - bits) === toNumber(base) >>> (32 - bits)
  );
}

function toNumber(address: string): number {
  return address.split(".").reduce((sum, part) => (sum << 8 | Number(part)) >>> 0, 0);
}

type Groups = [number, number, number, number, number, number, number, number];

/** The eight groups of an IPv6 address, or null. The URL parser knows every way to write one. */
function parseV6(address: string): Groups | null {
  const url = `http://[${address}]/`;
  if (!/^[0-9a-f:.]+$/i.test(address) || !URL.canParse(url)) return null;
  const [head = "", tail] = new URL(url).hostname.slice(1, -1).split("::");
  const before = head.split(":").filter(Boolean);
  const after = tail?.split(":").filter(Boolean) ?? [];
  const zeros = Array.from({ length: 8 - before.length - after.length }, () => "0");
  return [...before, ...zeros, ...after].map((group) => Number.parseInt(group, 16)) as Groups;
}
