import { expect, test } from "vitest";
import { checkTarget } from "../../supabase/functions/_tally/alerts/check-target.ts";
import { isPublicAddress } from "../../supabase/functions/_tally/alerts/public-address.ts";

const PUBLIC = [
  "8.8.8.8",
  "1.1.1.1",
  "172.15.255.255",
  "172.32.0.0",
  "100.63.255.255",
  "223.255.255.255",
]
  .concat(["2606:4700:4700::1111", "2a00:1450:4001:81b::200e", "2001:4860:4860::8888"])
  .concat(["::ffff:8.8.8.8", "64:ff9b::808:808"]);
const PRIVATE = [
  "0.0.0.0",
  "10.0.0.1",
  "100.64.0.1",
  "127.0.0.1",
  "127.255.255.254",
  "169.254.169.254",
]
  .concat(["172.16.0.1", "172.31.255.255", "192.0.0.8", "192.168.1.1", "198.18.0.1", "224.0.0.1"])
  .concat(["240.0.0.1", "255.255.255.255", "192.0.2.1", "198.51.100.7", "203.0.113.9"])
  .concat([
    "::",
    "::1",
    "fe80::1",
    "fe80::1%eth0",
    "fc00::1",
    "fd12:3456::1",
    "ff02::1",
    "2001:db8::1",
  ])
  .concat([
    "2001::1",
    "2002:a00:1::",
    "3fff::1",
    "::ffff:10.0.0.1",
    "::ffff:7f00:1",
    "64:ff9b::a00:1",
  ])
  .concat(["::127.0.0.1", "", "localhost", "999.1.1.1.1"]);

for (const address of PUBLIC) {
  test(`${address} is public`, () => expect(isPublicAddress(address)).toBe(true));
}
for (const address of PRIVATE) {
  test(`"${address}" is not public`, () => expect(isPublicAddress(address)).toBe(false));
}

function check(address: string, resolved: string[] = ["8.8.8.8"], allowsLoopback = false) {
  return checkTarget(address, { allowsLoopback, resolveHost: async () => resolved });
}

test("a public host may be reached", async () => {
  await expect(check("https://hooks.acme.test/a?b=c")).resolves.toHaveProperty(
    "href",
    "https://hooks.acme.test/a?b=c",
  );
});

test("a host that resolves into a private network is refused, however many public addresses it has", async () => {
  await expect(check("https://rebound.acme.test/", ["10.0.0.7"])).rejects.toThrow(
    "private network",
  );
  await expect(check("https://rebound.acme.test/", ["8.8.8.8", "::1"])).rejects.toThrow(
    "private network",
  );
});

test("an address is what the URL parser takes it for, not what it looks like", async () => {
  for (const host of [
    "2130706434",
    "0x7f000002",
    "127.2",
    "0177.0.0.2",
    "[::ffff:7f00:2]",
    "169.254.169.254",
  ]) {
    await expect(check(`https://${host}/`), host).rejects.toThrow("private network");
  }
  for (const host of [
    "2130706433",
    "0x7f.1",
    "127.1",
    "localhost",
    "[::1]",
    "LOCALHOST",
    "[0:0::1]",
  ]) {
    await expect(check(`https://${host}/`), host).rejects.toThrow("local development only");
  }
});

test("a name without an address, or a resolver that fails, is a failure to deliver", async () => {
  await expect(check("https://gone.acme.test/", [])).rejects.toThrow("not found");
  const failing = {
    allowsLoopback: false,
    resolveHost: () => Promise.reject(new Error("EAI_AGAIN")),
  };
  await expect(checkTarget("https://gone.acme.test/", failing)).rejects.toThrow("not found");
});

test("this machine is for development, plain http for this machine", async () => {
  await expect(check("http://127.0.0.1:9000/x")).rejects.toThrow("local development only");
  await expect(check("http://localhost:9000/x", [], true)).resolves.toHaveProperty("port", "9000");
  await expect(check("http://hooks.acme.test/", ["8.8.8.8"], true)).rejects.toThrow("https");
  await expect(check("file://localhost/etc/passwd", [], true)).rejects.toThrow();
  await expect(check("https://user:password@hooks.acme.test/")).rejects.toThrow("user name");
});
