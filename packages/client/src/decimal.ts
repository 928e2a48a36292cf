/** An exact decimal: `digits` divided by ten to the power of `scale`. */
interface Decimal {
  digits: bigint;
  scale: number;
}

/** A number or a decimal text, never a sum of floating-point errors. */
export type Amount = number | bigint | string;

/** Reads a finite amount of zero or more, as it is written: 0.1 is one tenth. */
function parse(amount: Amount): Decimal {
  const match = /^(\d+)(?:\.(\d*))?(?:e([+-]?\d+))?$/i.exec(String(amount).trim());
  const exponent = Number(match?.[3] ?? 0);
  if (!match || Math.abs(exponent) > 400) {
    throw new RangeError(`An amount must be a number of zero or more, not ${amount}.`);
  }
  const fraction = match[2] ?? "";
  const digits = BigInt(`${match[1]}${fraction}`);
  const scale = fraction.length - exponent;
  return scale >= 0 ? { digits, scale } : { digits: digits * 10n ** BigInt(-scale), scale: 0 };
}

/**
 * Multiplies amounts and divides by a whole number.
 *
 * @returns A decimal text: exact when it ends within `places` decimals, else rounded there, half up.
 */
export function scaleAmount(factors: readonly Amount[], divisor: bigint, places = 12): string {
  const product = factors
    .map(parse)
    .reduce(
      (left, right) => ({ digits: left.digits * right.digits, scale: left.scale + right.scale }),
      { digits: 1n, scale: 0 },
    );
  const unit = divisor * 10n ** BigInt(product.scale);
  const shifted = product.digits * 10n ** BigInt(places);
  const rounded = (2n * shifted + unit) / (2n * unit);
  const text = String(rounded).padStart(places + 1, "0");
  const whole = text.slice(0, text.length - places);
  const fraction = text.slice(text.length - places).replace(/0+$/, "");
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
