import type { Server } from "./open-connection.ts";

/**
 * The server of a connection string that asks for nothing but a plain connection; null for any other:
 * encryption, several hosts, a Unix socket, settings.
 */
export function readPlainServer(url: string): Server | null {
  const { protocol, hostname, port, username, password, pathname, searchParams } = new URL(url);
  const isPlain = [...searchParams].every(([name, value]) =>
    name === "sslmode" && value === "disable"
  );
  const database = decodeURIComponent(pathname.slice(1));
  if (!/^postgres(ql)?:$/.test(protocol) || !isPlain || !/^[\w.:[\]-]+$/.test(hostname)) {
    return null;
  }
  if (username === "" || database === "") return null;
  return {
    hostname: hostname.replace(/^\[|\]$/g, ""),
    port: Number(port || 5432),
    user: decodeURIComponent(username),
    password: decodeURIComponent(password),
    database,
  };
}
