import { CliError } from "../cli-error.ts";
import { describeListener, findFreePort, isPortTaken } from "../processes/find-port.ts";

/** Where the parts of a stack listen, all on 127.0.0.1. */
export interface StackPorts {
  api: number;
  db: number;
  provider: number;
  stripe: number;
}

/** What the person asked for; what is not said follows from the API port. */
export interface WantedPorts {
  api: number;
  db: number | undefined;
  provider: number | undefined;
  stripe: number | undefined;
}

/** Turns wishes into ports: 0 means a free one, the others count up from the API port. */
export async function choosePorts(wanted: WantedPorts): Promise<StackPorts> {
  const next = (offset: number) => (wanted.api === 0 ? 0 : wanted.api + offset);
  const orFree = async (port: number) => (port === 0 ? await findFreePort() : port);
  return {
    api: await orFree(wanted.api),
    db: await orFree(wanted.db ?? next(1)),
    provider: await orFree(wanted.provider ?? next(2)),
    stripe: await orFree(wanted.stripe ?? next(3)),
  };
}

/** @throws CliError that says who has a port, and how to use another */
export async function requireFreePorts(ports: Partial<StackPorts>): Promise<void> {
  const flags = {
    api: "--port",
    db: "--db-port",
    provider: "--provider-port",
    stripe: "--stripe-port",
  };
  for (const part of ["api", "db", "provider", "stripe"] as const) {
    const port = ports[part];
    if (port === undefined || !(await isPortTaken(port))) continue;
    const owner = describeListener(port) ?? "another process";
    throw new CliError(
      `Port ${port} is in use by ${owner}.`,
      part === "api"
        ? `End it, or take other ports: npm start -- --port ${port + 1000}`
        : `End it, or take another port: npm start -- ${flags[part]} ${port + 1000}`,
    );
  }
}
