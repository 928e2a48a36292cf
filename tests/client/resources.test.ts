import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { resources } from "../../packages/client/src/index.ts";

describe("resources in their units", () => {
  test.each([
    [
      "an API request",
      resources.apiRequest({ endpoint: "/users", method: "GET", statusCode: 200 }),
      1,
      "request",
    ],
    ["storage", resources.storage({ bytes: 5_368_709_120, hours: 24 }), "128.84901888", "gb_hour"],
    [
      "storage in GiB",
      resources.storage({ bytes: 5_368_709_120, hours: 24, gigabyte: "binary" }),
      "120",
      "gb_hour",
    ],
    [
      "a byte for an hour in GiB",
      resources.storage({ bytes: 1, hours: 1, gigabyte: "binary" }),
      "0.000000000931322574615478515625",
      "gb_hour",
    ],
    ["bandwidth", resources.bandwidth({ bytes: 524_288_000 }), "0.524288", "gb"],
    ["one byte", resources.bandwidth({ bytes: 1 }), "0.000000001", "gb"],
    ["compute", resources.compute({ seconds: 5_400, cpus: 2 }), "3", "cpu_hour"],
    ["a second of compute", resources.compute({ seconds: 1 }), "0.000277777778", "cpu_hour"],
    ["queries", resources.databaseQuery({ type: "SELECT", durationMs: 45 }), 1, "query"],
    [
      "a function",
      resources.functionInvocation({ name: "sendEmail", memoryMb: 256 }),
      1,
      "invocation",
    ],
    ["an agent", resources.agentExecution({ agentId: "agent-123" }), 1, "execution"],
    [
      "video",
      resources.video({ provider: "google", model: "veo-3", seconds: 0.1 }),
      "0.1",
      "second",
    ],
    [
      "speech",
      resources.speech({ provider: "elevenlabs", model: "eleven_flash_v2_5", text: "Hé 👋" }),
      4,
      "character",
    ],
    ["images", resources.image({ provider: "openai", model: "dall-e-3", count: 2 }), 2, "image"],
  ])("%s", (_, event, units, unitType) => {
    expect(event).toMatchObject({ units, unitType });
  });

  test("keep what was said beside the amount", () => {
    expect(resources.bandwidth({ bytes: 10n, direction: "ingress", userId: "u" })).toEqual({
      provider: "platform",
      model: "bandwidth",
      resourceType: "bandwidth",
      units: "0.00000001",
      unitType: "gb",
      userId: "u",
      requestMetadata: { bytes: "10", direction: "ingress" },
    });
    expect(
      resources.functionInvocation({ name: "f", memoryMb: 256, durationMs: 120 }),
    ).toMatchObject({ durationMs: 120, requestMetadata: { function: "f", memory_mb: 256 } });
  });

  test("paid models keep their own names", () => {
    const event = resources.video({ provider: "google", model: "veo-3", seconds: 8 });
    expect(event).toMatchObject({ provider: "google", model: "veo-3", resourceType: "video" });
  });
});

describe("conversions are exact", () => {
  test("bytes × hours / 10^9, for any whole numbers", () => {
    fc.assert(
      fc.property(fc.bigInt(0n, 10n ** 18n), fc.bigInt(0n, 10n ** 6n), (bytes, hours) => {
        const { units } = resources.storage({ bytes, hours });
        const [whole = "", fraction = ""] = String(units).split(".");
        expect(BigInt(whole + fraction.padEnd(9, "0"))).toBe(bytes * hours);
      }),
    );
  });

  test("decimals are read as they are written", () => {
    expect(resources.bandwidth({ bytes: "0.3" }).units).toBe("0.0000000003");
    expect(resources.video({ provider: "p", model: "m", seconds: 1e21 }).units).toBe(
      "1000000000000000000000",
    );
    expect(resources.storage({ bytes: 1e9, hours: 0.1 + 0.2 }).units).toBe("0.3");
    expect(resources.storage({ bytes: "1000000000", hours: "0.123456789012" }).units).toBe(
      "0.123456789012",
    );
    expect(resources.compute({ seconds: 1e-7, cpus: 3_600_000 }).units).toBe("0.0001");
  });

  test.each([-1, Number.NaN, Number.POSITIVE_INFINITY, "", "1,5", "abc"])(
    "%s is no amount",
    (bytes) => {
      expect(() => resources.bandwidth({ bytes })).toThrow(RangeError);
    },
  );
});
