import { seededRandom } from "../../support/seeded-random.ts";

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
  const fraction = seededRandom(seed);
  const between = (least: number, most: number) =>
    least + Math.floor(fraction() * (most - least + 1));
  return {
    fraction,
    between,
    pick: <T>(choices: readonly T[]) => choices[between(0, choices.length - 1)] as T,
    chance: (share) => fraction() < share,
  };
}
