import { join } from "node:path";
import { startFakeProvider } from "@tallybase/fake-provider";
import { startFakeStripe } from "@tallybase/fake-stripe";
import postgres, { type Sql } from "postgres";
import type { CliError } from "../cli-error.ts";
import { bootstrapRoles } from "../database/bootstrap-roles.ts";
import { readEnvFile } from "../functions/deno-environment.ts";
import { type FunctionHost, hostFunctions } from "../functions/host-functions.ts";
import type { Project } from "../project/find-project.ts";
import { type ProjectConfig, readConfig } from "../project/read-config.ts";
import { loadKeys, type StackKeys, saveKeys } from "../state/keys-file.ts";
import type { StackInfo } from "../state/run-file.ts";
import { isUpToDate, listMigrations, pushMigrations } from "./apply-migrations.ts";
import type { StackPorts } from "./check-ports.ts";
import { type Database, openEmbedded, useDatabase } from "./open-database.ts";
import { type Lite, openLite, prepareAuth } from "./open-lite.ts";
import { prepareBilling } from "./prepare-billing.ts";
import { DEMO, prepareDemo } from "./prepare-demo.ts";
import { providerSettings } from "./provider-settings.ts";
import { runScheduler } from "./run-scheduler.ts";
import { serveOrigin } from "./serve-origin.ts";
import { LOCAL_WEBHOOK_SECRET, stripeSettings } from "./stripe-settings.ts";

/** What a stack is started with. */
export interface StackOptions {
  project: Project;
  ports: StackPorts;
  /** An existing Postgres instead of the embedded one. */
  databaseUrl: string | undefined;
  /** Apply `supabase/seed.sql` once, and have a demo organization. */
  withDemo: boolean;
  /** The person's own settings of the edge functions. */
  envFile: string;
  /** Ends the programs that a start waits for. */
  signal: AbortSignal;
  report: StackReport;
}

/** How a stack tells what it does. */
export interface StackReport {
  /** A part is ready. */
  done(part: string): void;
  /** Something that the person should know. */
  note(text: string): void;
  /** A function did not start. */
  problem(error: CliError): void;
}

/** A stack that answers. */
export interface Stack {
  info: StackInfo;
  /** Resolves when the database has ended without being asked to. */
  databaseExited: Promise<void>;
}

/**
 * Starts everything. Whatever has been started is handed to `resources`, also when the start fails
 * half-way: disposing of them stops it, the last part first.
 */
export async function startStack(
  options: StackOptions,
  resources: AsyncDisposableStack,
): Promise<Stack> {
  const { project, ports, report, signal } = options;
  const logsDir = join(project.stateDir, "logs");
  const config = readConfig(project.supabaseDir);
  const keys = loadKeys(project.stateDir);

  const provider = await startFakeProvider({ port: ports.provider });
  resources.defer(() => provider.close());
  const stripe = await startFakeStripe({ port: ports.stripe });
  resources.defer(() => stripe.close());

  const info = describe(options, keys, { provider: provider.url, stripe: stripe.url });
  stripe.account.webhooks.target = {
    url: `${info.FUNCTIONS_URL}/stripe-webhook`,
    secret: LOCAL_WEBHOOK_SECRET,
  };
  const functions = hostFunctions({
    supabaseDir: project.supabaseDir,
    logsDir,
    settings: () => {
      const own = readEnvFile(options.envFile);
      return {
        ...providerSettings(own, provider.url),
        ...stripeSettings(own, stripe.url),
        ...own,
        ...projectSettings(info),
      };
    },
    onReload: () => report.note("Functions reloaded"),
  });
  resources.defer(() => functions.close());
  const downloaded = functions.download(signal);

  const database = options.databaseUrl
    ? useDatabase(options.databaseUrl)
    : await openEmbedded(project.stateDir, ports.db, logsDir);
  resources.defer(() => database.stop());
  signal.throwIfAborted();
  report.done(database.label);

  const sql = postgres(database.url, { max: 2, onnotice: () => undefined });
  resources.defer(() => sql.end({ timeout: 2 }));
  await migrate(options, { database, sql, keys, config });

  signal.throwIfAborted();
  const lite = openLite(database.url, keys, config);
  resources.defer(() => lite.close());
  if (options.withDemo) await addDemo(sql, lite, { keys, info, stateDir: project.stateDir });
  await reloadOnNotice(sql, lite);
  const scheduler = runScheduler(sql, info);
  resources.defer(() => scheduler.stop());

  const origin = await serveOrigin({
    port: ports.api,
    lite,
    functions,
    jwtSecret: keys.jwtSecret,
    onFailure: report.problem,
  });
  resources.defer(() => origin.close());
  signal.throwIfAborted();
  report.done(`REST and Auth on port ${ports.api}`);
  reportFunctions(functions, await downloaded, report);
  return { info, databaseExited: database.exited };
}

function describe(
  { ports, databaseUrl }: StackOptions,
  keys: StackKeys,
  fakes: { provider: string; stripe: string },
): StackInfo {
  const api = `http://127.0.0.1:${ports.api}`;
  return {
    API_URL: api,
    REST_URL: `${api}/rest/v1`,
    AUTH_URL: `${api}/auth/v1`,
    FUNCTIONS_URL: `${api}/functions/v1`,
    DB_URL: databaseUrl ?? `postgresql://postgres:postgres@127.0.0.1:${ports.db}/postgres`,
    FAKE_PROVIDER_URL: fakes.provider,
    FAKE_STRIPE_URL: fakes.stripe,
    PUBLISHABLE_KEY: keys.publishableKey,
    SECRET_KEY: keys.secretKey,
    JWT_SECRET: keys.jwtSecret,
    DEMO_EMAIL: "",
    DEMO_PASSWORD: "",
    DEMO_ORGANIZATION_ID: "",
    DEMO_API_KEY: "",
  };
}

/** What a hosted project gives its functions. */
function projectSettings(info: StackInfo): Record<string, string> {
  return {
    SUPABASE_URL: info.API_URL,
    SUPABASE_DB_URL: info.DB_URL,
    SUPABASE_PUBLISHABLE_KEYS: JSON.stringify({ default: info.PUBLISHABLE_KEY }),
    SUPABASE_SECRET_KEYS: JSON.stringify({ default: info.SECRET_KEY }),
    // The older names; what they hold works as `apikey` all the same.
    SUPABASE_ANON_KEY: info.PUBLISHABLE_KEY,
    SUPABASE_SERVICE_ROLE_KEY: info.SECRET_KEY,
    // Sessions are signed with a shared secret here, so there are no public keys.
    SUPABASE_JWKS: JSON.stringify({ keys: [] }),
  };
}

async function migrate(
  { project, withDemo, signal, report }: StackOptions,
  parts: { database: Database; sql: Sql; keys: StackKeys; config: ProjectConfig },
): Promise<void> {
  const { database, sql, keys, config } = parts;
  await bootstrapRoles(database.url);
  const [auth] = await sql`select to_regclass('auth.users') is not null as is_there`;
  // A database of somebody else may have the real Auth: its schema is not ours to bring up to date.
  if (database.isOwn || !auth?.is_there) await prepareAuth(database.url, keys, config);
  const { versions, hash } = listMigrations(project.supabaseDir);
  if (!(await isUpToDate(sql, versions, withDemo))) {
    await pushMigrations(project, database, { withSeed: withDemo, signal });
    keys.migrationsHash = hash;
    saveKeys(project.stateDir, keys);
    report.done(`${versions.length} migrations${withDemo ? " and the demo data" : ""}`);
  } else if (keys.migrationsHash !== undefined && keys.migrationsHash !== hash) {
    report.note(
      "Migrations were edited after they were applied here: --reset starts over with them.",
    );
  }
}

async function addDemo(
  sql: Sql,
  lite: Lite,
  { keys, info, stateDir }: { keys: StackKeys; info: StackInfo; stateDir: string },
): Promise<void> {
  const apiKey = await prepareDemo(sql, lite, keys);
  if (apiKey === null) return;
  await prepareBilling(sql, info.FAKE_STRIPE_URL);
  info.DEMO_EMAIL = DEMO.email;
  info.DEMO_PASSWORD = DEMO.password;
  info.DEMO_ORGANIZATION_ID = DEMO.organizationId;
  info.DEMO_API_KEY = apiKey;
  if (keys.demoApiKey === apiKey) return;
  keys.demoApiKey = apiKey;
  saveKeys(stateDir, keys);
}

/** `notify pgrst, 'reload schema'` is how PostgREST is told, so it works here too. */
async function reloadOnNotice(sql: Sql, lite: Lite): Promise<void> {
  await sql.listen("pgrst", (payload) => {
    if (payload === "" || payload === "reload schema") void lite.reload();
  });
}

function reportFunctions(functions: FunctionHost, problem: string | null, report: StackReport) {
  const names = functions.names();
  if (names.length > 0) report.done(`Edge functions: ${names.join(", ")}`);
  if (problem) {
    report.note(
      `The packages of a function could not be downloaded, so it may answer 503 until the network is back. ${problem}`,
    );
  }
}
