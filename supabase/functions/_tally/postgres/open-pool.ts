import { type Connect, Connection, type Server, type Task } from "./open-connection.ts";
import type { PostgresError, Row } from "./read-values.ts";
import type { Statement } from "./write-messages.ts";

/** A task on its way. */
export interface Running {
  rows: Promise<Row[]>;
  /** Lets go of it: it is not begun any more, or the server is asked to stop. */
  cancel(): void;
}

const IDLE_MS = 30_000;

/**
 * A few connections that share their work: each takes the next task when it is done with one. What was
 * used last is used first, so that the server's caches are warm and idle connections can end.
 */
export class ConnectionPool {
  readonly #open: () => Connection;
  readonly #size: number;
  readonly #waiting: Task[] = [];
  readonly #idle: Connection[] = [];
  readonly #all = new Set<Connection>();
  /** Those that have not been let in yet. */
  readonly #opening = new Set<Connection>();
  #tidying: ReturnType<typeof setTimeout> | undefined;

  /** Opens its first connection at once. */
  constructor(server: Server, size: number, connect: Connect) {
    this.#size = size;
    this.#open = () =>
      new Connection(server, connect, {
        onFree: (connection) => this.#free(connection),
        onClose: (connection, error) => this.#forget(connection, error),
      });
    this.#grow(1);
  }

  run(statements: readonly Statement[], prepares: boolean): Running {
    const { promise: rows, resolve, reject } = Promise.withResolvers<Row[]>();
    const task: Task = { statements, prepares, resolve, reject };
    const connection = this.#idle.pop();
    if (connection !== undefined) connection.run(task);
    else {
      this.#waiting.push(task);
      this.#grow(this.#waiting.length);
    }
    return { rows, cancel: () => this.#cancel(task) };
  }

  /** Has so many connections on their way, as far as there may be more. */
  #grow(wanted: number): void {
    while (this.#opening.size < wanted && this.#all.size < this.#size) {
      const connection = this.#open();
      this.#all.add(connection);
      this.#opening.add(connection);
    }
  }

  #free(connection: Connection): void {
    this.#opening.delete(connection);
    const task = this.#waiting.shift();
    if (task !== undefined) return connection.run(task);
    this.#idle.push(connection);
    this.#tidying ??= setTimeout(() => this.#tidy(), IDLE_MS);
  }

  #forget(connection: Connection, error: PostgresError): void {
    this.#all.delete(connection);
    const at = this.#idle.indexOf(connection);
    if (at !== -1) this.#idle.splice(at, 1);
    // A connection that cannot be had is the answer of the task that it was opened for.
    if (this.#opening.delete(connection)) this.#waiting.shift()?.reject(error);
    this.#grow(this.#waiting.length);
  }

  #cancel(task: Task): void {
    const at = this.#waiting.indexOf(task);
    if (at !== -1) this.#waiting.splice(at, 1);
    for (const connection of this.#all) {
      if (connection.task === task) connection.cancel().catch(() => {});
    }
  }

  #tidy(): void {
    this.#tidying = undefined;
    const before = performance.now() - IDLE_MS;
    for (const connection of this.#idle.filter(({ usedAt }) => usedAt <= before)) {
      this.#idle.splice(this.#idle.indexOf(connection), 1);
      connection.close();
    }
    if (this.#idle.length > 0) this.#tidying = setTimeout(() => this.#tidy(), IDLE_MS);
  }
}
