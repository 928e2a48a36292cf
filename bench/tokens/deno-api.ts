/** The part of Deno's own API that is used here: importing Node's modules would load what is measured. */
interface DenoApi {
  args: string[];
  readTextFileSync(path: string): string;
  exit(): never;
}

export const { Deno } = globalThis as unknown as { Deno: DenoApi };

/** User and system time of this process in ms; the kernel counts in hundredths of a second. */
export function cpuTime(): number {
  const fields = Deno.readTextFileSync("/proc/self/stat")
    .replace(/^.*\) /, "")
    .split(" ");
  return (Number(fields[11]) + Number(fields[12])) * 10;
}

/** Resident memory of this process at its highest, in MB. */
export function peakMemory(): number {
  const [, kilobytes] = /VmHWM:\s+(\d+)/.exec(Deno.readTextFileSync("/proc/self/status")) ?? [];
  return Number(kilobytes) / 1024;
}
