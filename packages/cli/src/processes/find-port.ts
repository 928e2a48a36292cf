import { spawnSync } from "node:child_process";
import { readdirSync, readFileSync, readlinkSync } from "node:fs";
import { createServer } from "node:net";
import { commandLine } from "./inspect-process.ts";

const HOST = "127.0.0.1";

/** A TCP port that is free on the loopback interface at this moment. */
export function findFreePort(): Promise<number> {
  return listenOnce(0) as Promise<number>;
}

/** Whether somebody listens on this port already. */
export async function isPortTaken(port: number): Promise<boolean> {
  return (await listenOnce(port)) === null;
}

function listenOnce(port: number): Promise<number | null> {
  return new Promise((resolve, reject) => {
    const server = createServer();
    server.once("error", (error: NodeJS.ErrnoException) => {
      if (error.code === "EADDRINUSE") resolve(null);
      else reject(error);
    });
    server.listen({ port, host: HOST, exclusive: true }, () => {
      const address = server.address();
      server.close(() => resolve(typeof address === "object" && address ? address.port : port));
    });
  });
}

/** Who listens on a port, in words, or null when the system does not tell us. */
export function describeListener(port: number): string | null {
  const pid = listenerFromProc(port) ?? listenerFromLsof(port);
  if (pid === null) return null;
  const command = commandLine(pid);
  return command ? `process ${pid} (${shorten(command)})` : `process ${pid}`;
}

function shorten(command: string): string {
  return command.length > 100 ? `${command.slice(0, 99)}…` : command;
}

function listenerFromProc(port: number): number | null {
  const inodes = new Set([
    ...listeningInodes("/proc/net/tcp", port),
    ...listeningInodes("/proc/net/tcp6", port),
  ]);
  if (inodes.size === 0) return null;
  for (const entry of listDirectory("/proc")) {
    if (!/^\d+$/.test(entry)) continue;
    for (const fd of listDirectory(`/proc/${entry}/fd`)) {
      const inode = /^socket:\[(\d+)\]$/.exec(linkTarget(`/proc/${entry}/fd/${fd}`))?.[1];
      if (inode !== undefined && inodes.has(inode)) return Number(entry);
    }
  }
  return null;
}

/** Columns of /proc/net/tcp: 1 is the local address as hex `ip:port`, 3 the state (0A listens), 9 the inode. */
function listeningInodes(file: string, port: number): string[] {
  const suffix = `:${port.toString(16).toUpperCase().padStart(4, "0")}`;
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return [];
  }
  return text
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter((columns) => columns[1]?.endsWith(suffix) && columns[3] === "0A")
    .flatMap((columns) => (columns[9] ? [columns[9]] : []));
}

function listenerFromLsof(port: number): number | null {
  const found = spawnSync("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-t"], {
    encoding: "utf8",
  });
  const pid = Number.parseInt(found.stdout ?? "", 10);
  return Number.isNaN(pid) ? null : pid;
}

function listDirectory(path: string): string[] {
  try {
    return readdirSync(path);
  } catch {
    return [];
  }
}

function linkTarget(path: string): string {
  try {
    return readlinkSync(path);
  } catch {
    return "";
  }
}
