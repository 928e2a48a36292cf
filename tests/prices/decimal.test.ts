import fc from "fast-check";
import { describe, expect, test } from "vitest";
import {
  addDecimal,
  canonicalDecimal,
  decimalFromNumber,
  divideDecimal,
  multiplyDecimal,
} from "../../packages/cli/src/prices/decimal.ts";

describe("decimals of prices", () => {
  test.each([
    [0, "0"],
    [2.5, "2.5"],
    [0.003625, "0.003625"],
    [1e-7, "0.0000001"],
    [5e-9, "0.000000005"],
    [1.5e21, "1500000000000000000000"],
  ])("%d is written as %s", (number, text) => {
    expect(decimalFromNumber(number)).toBe(text);
  });

  test.each([Number.NaN, Number.POSITIVE_INFINITY, -1])("%d is no price", (number) => {
    expect(() => decimalFromNumber(number)).toThrow(RangeError);
  });

  test("a decimal reads back as the double it came from", () => {
    fc.assert(
      fc.property(fc.double({ min: 0, max: 1e6, noNaN: true }), (number) => {
        expect(Number(decimalFromNumber(number))).toBe(Math.abs(number));
      }),
    );
  });

  test("quotients are exact where they end, and rounded half up where they do not", () => {
    expect(divideDecimal("10", 1000)).toBe("0.01");
    expect(divideDecimal("0.36", 3600)).toBe("0.0001");
    expect(divideDecimal("0.22", 3600)).toBe("0.000061111111111111111111");
    expect(divideDecimal("0.5", 1, 0)).toBe("1");
  });

  test("sums and products are exact", () => {
    expect(addDecimal("0.1", "0.2")).toBe("0.3");
    expect(multiplyDecimal("0.1", "1.1")).toBe("0.11");
    const whole = fc.bigInt({ min: 0n, max: 10n ** 20n });
    fc.assert(
      fc.property(whole, whole, (a, b) => {
        expect(multiplyDecimal(String(a), String(b))).toBe(String(a * b));
        expect(addDecimal(String(a), String(b))).toBe(String(a + b));
      }),
    );
  });

  test("superfluous zeros go, a sign or an exponent is refused", () => {
    expect(canonicalDecimal("02.500")).toBe("2.5");
    expect(() => canonicalDecimal("-1")).toThrow(RangeError);
    expect(() => canonicalDecimal("1e-6")).toThrow(RangeError);
  });
});
