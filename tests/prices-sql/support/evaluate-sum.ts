/** Decimals that a factor may have. */
const PLACES = 12;
/** Two factors, and the division by a million. */
const RESULT_PLACES = 2 * PLACES + 6;

function toFixed(text: string): bigint {
  const [, whole = "", fraction = ""] = /^(\d+)(?:\.(\d{1,12}))?$/.exec(text) ?? [];
  if (whole === "") throw new SyntaxError(`Not a factor: ${text}`);
  return BigInt(whole + fraction.padEnd(PLACES, "0"));
}

function evaluatePart(part: string): bigint {
  const [, terms = "", perMillion] = /^(.*?)( per 1e6)?$/.exec(part.trim()) ?? [];
  let total = 0n;
  for (const term of terms.split(" + ")) {
    const [count = "", price = "", ...more] = term.split("*");
    if (more.length > 0) throw new SyntaxError(`Not a product: ${term}`);
    total += toFixed(count) * toFixed(price);
  }
  return perMillion === undefined ? total * 1_000_000n : total;
}

/**
 * Works out a cost that is written for people, `86*2.5 + 300*10 per 1e6; 2*0.01`, exactly: parts
 * between semicolons are added, `per 1e6` divides the part it ends. Shares no code with the pricing
 * that it checks.
 *
 * @throws SyntaxError when something else is written there
 */
export function evaluateSum(sum: string): string {
  const total = sum.split(";").reduce((all, part) => all + evaluatePart(part), 0n);
  const digits = total.toString().padStart(RESULT_PLACES + 1, "0");
  const fraction = digits.slice(-RESULT_PLACES).replace(/0+$/, "");
  const whole = digits.slice(0, -RESULT_PLACES);
  return fraction === "" ? whole : `${whole}.${fraction}`;
}
