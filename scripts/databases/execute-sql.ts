import postgres from "postgres";

/** Runs statements on a connection of their own. */
export async function executeSql(url: string, statements: string): Promise<void> {
  const sql = postgres(url, { max: 1, onnotice: () => undefined });
  try {
    await sql.unsafe(statements);
  } finally {
    await sql.end();
  }
}
