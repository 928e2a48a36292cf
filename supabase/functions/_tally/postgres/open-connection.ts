import { type Message, MessageReader, type Socket } from "./read-messages.ts";
import {
  type Column,
  PostgresError,
  readColumns,
  readError,
  readRow,
  type Row,
} from "./read-values.ts";
import { type Credentials, SignIn } from "./sign-in.ts";
import { MessageWriter, type Statement } from "./write-messages.ts";

/** Where a server is, and who comes. */
export interface Server extends Credentials {
  hostname: string;
  port: number;
  database: string;
}

/** Opens a socket to a server. */
export type Connect = (to: { hostname: string; port: number }) => Promise<Socket>;

/** Statements that make one round trip and one transaction; the rows of the last are its answer. */
export interface Task {
  statements: readonly Statement[];
  /** Whether the server keeps the statements under a name. */
  prepares: boolean;
  resolve: (rows: Row[]) => void;
  reject: (error: unknown) => void;
}

/** Whom a connection tells of itself. */
export interface ConnectionEvents {
  /** It can take a task, for the first time or again. */
  onFree: (connection: Connection) => void;
  /** It has ended; a task that it was working on has been told. */
  onClose: (connection: Connection, error: PostgresError) => void;
}

/** A statement that the server is working on. */
interface Step {
  statement: Statement;
  name: string;
  columns: Column[];
}

const CONNECT_TIMEOUT_MS = 5_000;

/** A connection that works on one task at a time. */
export class Connection {
  /** When it was last given something to do, in ms. */
  usedAt = performance.now();
  readonly #server: Server;
  readonly #connect: Connect;
  readonly #events: ConnectionEvents;
  readonly #writer = new MessageWriter();
  readonly #prepared = new Map<string, Pick<Step, "name" | "columns">>();
  #socket: Socket | undefined;
  /** The server has let us in. */
  #isIn = false;
  #isClosed = false;
  /** The server was asked to stop a statement: whatever runs when that arrives is stopped. */
  #isCancelled = false;
  #key = { processId: 0, secret: 0 };
  #task: Task | undefined;
  #steps: Step[] = [];
  /** Of the step that the server answers now. */
  #at = 0;
  #rows: Row[] = [];
  #error: PostgresError | undefined;
  #patience: ReturnType<typeof setTimeout>;

  constructor(server: Server, connect: Connect, events: ConnectionEvents) {
    this.#server = server;
    this.#connect = connect;
    this.#events = events;
    this.#patience = setTimeout(() => {
      this.#end(new PostgresError("CONNECT_TIMEOUT", "The server did not let us in in time."));
    }, CONNECT_TIMEOUT_MS);
    void this.#live();
  }

  get task(): Task | undefined {
    return this.#task;
  }

  run(task: Task): void {
    this.usedAt = performance.now();
    this.#task = task;
    this.#at = 0;
    this.#rows = [];
    this.#error = undefined;
    this.#steps = task.statements.map((statement, index) => {
      const known = task.prepares ? this.#prepared.get(statement.text) : undefined;
      const name = known?.name ?? (task.prepares ? `tally_${crypto.randomUUID()}` : "");
      if (known === undefined) {
        this.#writer.parse(name, statement.text);
        this.#writer.describe(name);
      }
      this.#writer.run(name, statement.parameters);
      if (index === task.statements.length - 1) this.#writer.sync();
      return { statement, name, columns: known?.columns ?? [] };
    });
    this.#send().catch((cause) => this.#end(brokenBy(cause)));
  }

  /** Asks the server to stop what it does for this connection, which takes no other task then. */
  async cancel(): Promise<void> {
    this.#isCancelled = true;
    const socket = await this.#connect(this.#server);
    const writer = new MessageWriter();
    writer.cancel(this.#key.processId, this.#key.secret);
    await socket.write(writer.take());
    socket.close();
  }

  close(): void {
    this.#writer.terminate();
    this.#send().catch(() => {}).finally(() => this.#end(brokenBy(null)));
  }

  async #live(): Promise<void> {
    try {
      const socket = await this.#connect(this.#server);
      if (this.#isClosed) return socket.close();
      this.#socket = socket;
      const { user, database } = this.#server;
      this.#writer.startup({
        user,
        database,
        client_encoding: "UTF8",
        application_name: "tallybase-functions",
      });
      await this.#send();
      const reader = new MessageReader(socket);
      const signIn = new SignIn(this.#server);
      do {
        for (let message = reader.next(); message !== undefined; message = reader.next()) {
          if (message.type === "R") {
            await signIn.answer(message, this.#writer);
            await this.#send();
          } else this.#take(message);
        }
      } while (await reader.more());
      this.#end(this.#error ?? brokenBy(null));
    } catch (cause) {
      this.#end(brokenBy(cause));
    }
  }

  #take(message: Message): void {
    const step = this.#steps[this.#at];
    switch (message.type) {
      case "T":
      case "n":
        if (step === undefined) return;
        if (message.type === "T") step.columns = readColumns(message);
        if (step.name !== "") {
          const { name, columns } = step;
          this.#prepared.set(step.statement.text, { name, columns });
        }
        return;
      case "D":
        if (step !== undefined && this.#at === this.#steps.length - 1) {
          this.#rows.push(readRow(message, step.columns));
        }
        return;
      case "C":
        this.#at++;
        return;
      case "E":
        this.#error = readError(message);
        if (!this.#isIn) return this.#end(this.#error);
        // What the statements answer with is not what it was when they were prepared.
        if (this.#error.routine === "RevalidateCachedQuery") this.#prepared.clear();
        return;
      case "K":
        this.#key = { processId: message.int32(), secret: message.int32() };
        return;
      case "Z":
        return this.#finish();
    }
  }

  /** The server waits for what comes next. */
  #finish(): void {
    this.#isIn = true;
    clearTimeout(this.#patience);
    const task = this.#task;
    this.#task = undefined;
    this.#steps = [];
    if (this.#error !== undefined) task?.reject(this.#error);
    else task?.resolve(this.#rows);
    if (this.#isCancelled) this.close();
    else this.#events.onFree(this);
  }

  async #send(): Promise<void> {
    let bytes = this.#writer.take();
    while (bytes.length > 0) {
      if (this.#socket === undefined) throw brokenBy(null);
      bytes = bytes.subarray(await this.#socket.write(bytes));
    }
  }

  #end(error: PostgresError): void {
    if (this.#isClosed) return;
    this.#isClosed = true;
    clearTimeout(this.#patience);
    try {
      this.#socket?.close();
    } catch {
      // The server has closed it.
    }
    this.#task?.reject(error);
    this.#task = undefined;
    this.#events.onClose(this, error);
  }
}

function brokenBy(cause: unknown): PostgresError {
  if (cause instanceof PostgresError) return cause;
  const { code } = (cause ?? {}) as { code?: unknown };
  const word = typeof code === "string" ? code : "CONNECTION_CLOSED";
  return new PostgresError(word, "The connection to the server is broken.");
}
