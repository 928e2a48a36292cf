/** A throwaway Postgres on the loopback interface, set up as a hosted project's is. */
export interface TestServer {
  /** For people: `Postgres 17 (embedded)`. */
  name: string;
  /** As the role `postgres`: owns the database, is no superuser. */
  url: string;
  /** As the superuser. */
  adminUrl: string;
  /** Ends the server and deletes its data. */
  stop(): Promise<void>;
}
