import { App } from "@supabase/lite";
import { createPostgresConnection } from "@supabase/lite/postgres";
import type { SupabaseClient } from "@supabase/supabase-js";
import type { ProjectConfig } from "../project/read-config.ts";
import type { StackKeys } from "../state/keys-file.ts";

/** REST and Auth of the local stack: Supabase Lite inside this process. */
export interface Lite {
  fetch(request: Request, peerAddress: string | null): Promise<Response>;
  client(): SupabaseClient;
  /** Reads the schema of the database again. */
  reload(): Promise<void>;
  close(): Promise<void>;
}

/** Creates the schema `auth` in a database that has none. Migrations call `auth.uid()`, so it comes first. */
export async function prepareAuth(dbUrl: string, keys: StackKeys, config: ProjectConfig) {
  const opened = openApp(dbUrl, keys, config);
  try {
    await opened.app.ensureSystemSchema();
  } finally {
    await opened.connection.close();
  }
}

/** Opens the API over a database that has its migrations: the schema is read once, here. */
export function openLite(dbUrl: string, keys: StackKeys, config: ProjectConfig): Lite {
  let current = openApp(dbUrl, keys, config);
  return {
    fetch: (request, peerAddress) => current.app.fetch(request, { peerAddress }),
    client: () => current.app.getClient() as SupabaseClient,
    reload: async () => {
      const previous = current;
      current = openApp(dbUrl, keys, config);
      await previous.connection.close();
    },
    close: () => current.connection.close(),
  };
}

/**
 * Lite turns jsonb arguments into text and the driver does so once more, and dates and numbers come back
 * as Postgres prints them. With these, values cross the API as PostgREST writes them.
 */
const API_TYPES = {
  jsonb: {
    to: 3802,
    from: [3802],
    serialize: (value: unknown) => (typeof value === "string" ? value : JSON.stringify(value)),
    parse: (text: string): unknown => JSON.parse(text),
  },
  numeric: { to: 1700, from: [1700], serialize: String, parse: Number },
  timestamptz: {
    to: 1184,
    from: [1184],
    serialize: (value: unknown) => value,
    parse: (text: string) => text.replace(" ", "T").replace(/([+-]\d\d)$/, "$1:00"),
  },
};

function openApp(url: string, keys: StackKeys, config: ProjectConfig) {
  const connection = createPostgresConnection({
    url,
    postgresOptions: { max: 10, onnotice: () => undefined, types: API_TYPES },
  });
  // Otherwise Lite grants every API role all rights on all tables, which undoes what the migrations say of
  // them: members would read the hashes of keys, and the secret key would change the ledger.
  Object.assign(connection, { rlsState: "active" });
  const { auth, api } = config;
  const app = new App({
    connection,
    api: { schemas: api.schemas, max_rows: api.max_rows },
    auth: {
      enabled: true,
      jwt_secret: keys.jwtSecret,
      publishable_key: keys.publishableKey,
      secret_key: keys.secretKey,
      jwt_expiry: auth.jwt_expiry,
      enable_signup: auth.enable_signup,
      minimum_password_length: auth.minimum_password_length,
      site_url: auth.site_url,
      additional_redirect_urls: auth.additional_redirect_urls,
      email: auth.email,
    },
    storage: { enabled: false },
    options: { server: { admin: false } },
  });
  return { app, connection };
}
