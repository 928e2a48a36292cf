/** Random numbers that follow from a seed alone, so that a run can be had again. */
export interface RandomSource {
  /** From 0 up to 1, without it. */
  fraction(): number;
  /** A whole number between two others, both included. */
  between(least: number, most: number): number;
  pick<T>(choices: readonly T[]): T;
  /** True in that share of the cases. */
  chance(share: number): boolean;
}

/** The seed of this run: `RACE_SEED`, or another one each time; it is printed. */
export function readSeed(): number {
  const seed = Number(process.env.RACE_SEED ?? Math.floor(Math.random() * 1e9));
  console.log(`Seed ${seed}: run it again with RACE_SEED=${seed}`);
  return seed;
}

export function createRandom(seed: number): RandomSource {
  // Mulberry32: 32 bits of state are plenty for a schedule.
  let state = seed >>> 0;
  const fraction = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let mixed = Math.imul(state ^ (state >>> 15), state | 1);
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61);
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32;
  };
  const between = (least: number, most: number) =>
    least + Math.floor(fraction() * (most - least + 1));
  return {
    fraction,
    between,
    pick: <T>(choices: readonly T[]) => choices[between(0, choices.length - 1)] as T,
    chance: (share) => fraction() < share,
  };
}
