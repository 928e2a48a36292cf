import type { Pending, Session } from "../database.ts";

/**
 * What the `postgres` package can and the connections of this folder cannot: TLS, several hosts, Unix
 * sockets, and everything outside Deno. It is loaded only where it is needed: it takes longer to load
 * than the rest of a function.
 */
export function openDriver(url: string, poolSize: number): Session {
  const opening = import("postgres").then(async ({ default: postgres }) => {
    const sql = postgres(url, {
      max: poolSize,
      fetch_types: false,
      idle_timeout: 30,
      connect_timeout: 5,
      onnotice: () => {},
      connection: { application_name: "tallybase-functions" },
    });
    // The driver would open one more for a statement that comes while the first is being opened.
    // A failure is not lost: the statement meets it again.
    await sql.unsafe("select 1").catch(() => {});
    return sql;
  });
  return {
    run(statements, prepare): Pending {
      let cancel = () => {};
      const rows = opening.then(async (sql) => {
        if (statements.length === 1) {
          const [{ text, parameters }] = statements as [typeof statements[0]];
          const query = sql.unsafe(text, [...parameters], { prepare });
          cancel = () => query.cancel();
          return [...(await query)];
        }
        return await sql.begin(async (transaction) => {
          let last: Record<string, unknown>[] = [];
          for (const { text, parameters } of statements) {
            const query = transaction.unsafe(text, [...parameters]);
            cancel = () => query.cancel();
            last = [...(await query)];
          }
          return last;
        });
      });
      return { rows: rows as Promise<Record<string, unknown>[]>, cancel: () => cancel() };
    },
  };
}
