/** Exact decimals as strings: prices are never held in a binary float. */

interface Scaled {
  readonly digits: bigint;
  readonly places: number;
}

function scaled(value: string): Scaled {
  if (!/^\d+(\.\d+)?$/.test(value)) throw new RangeError(`Not a plain decimal: ${value}`);
  const [whole = "", fraction = ""] = value.split(".");
  return { digits: BigInt(whole + fraction), places: fraction.length };
}

function plain(digits: bigint, places: number): string {
  const text = digits.toString().padStart(places + 1, "0");
  if (places === 0) return text;
  const fraction = text.slice(-places).replace(/0+$/, "");
  const whole = text.slice(0, -places);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}

/**
 * The shortest decimal that reads back as the same double, never with an exponent: what a person
 * wrote in a price file that JavaScript has parsed.
 * @throws RangeError when the number is negative, infinite or NaN.
 */
export function decimalFromNumber(value: number): string {
  if (!Number.isFinite(value) || value < 0) throw new RangeError(`Not a price: ${value}`);
  const [mantissa = "0", exponent = "0"] = String(value).split("e");
  const { digits, places } = scaled(mantissa);
  const shift = places - Number(exponent);
  return shift >= 0 ? plain(digits, shift) : plain(digits * 10n ** BigInt(-shift), 0);
}

/** The same value without superfluous zeros: `2.50` becomes `2.5`. */
export function canonicalDecimal(value: string): string {
  const { digits, places } = scaled(value);
  return plain(digits, places);
}

/**
 * Divides by a whole number. Exact when the quotient ends within `places` decimals, else rounded
 * half up there.
 */
export function divideDecimal(value: string, divisor: number, places = 24): string {
  const { digits, places: had } = scaled(value);
  const numerator = digits * 10n ** BigInt(places);
  const by = BigInt(divisor) * 10n ** BigInt(had);
  return plain((2n * numerator + by) / (2n * by), places);
}

/** Multiplies exactly. */
export function multiplyDecimal(left: string, right: string): string {
  const a = scaled(left);
  const b = scaled(right);
  return plain(a.digits * b.digits, a.places + b.places);
}

/** Adds exactly. */
export function addDecimal(left: string, right: string): string {
  const a = scaled(left);
  const b = scaled(right);
  const places = Math.max(a.places, b.places);
  return plain(
    a.digits * 10n ** BigInt(places - a.places) + b.digits * 10n ** BigInt(places - b.places),
    places,
  );
}
