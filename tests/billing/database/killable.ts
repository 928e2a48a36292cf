import type {
  MeterReport,
  MeterSink,
} from "../../../supabase/functions/_tally/billing/meter-sink.ts";
import type { ReportDeps } from "../../../supabase/functions/_tally/billing/report-deps.ts";
import type { Database, Parameter } from "../../../supabase/functions/_tally/database.ts";

/** What a killed process throws, here where there is no process to kill. */
export class Killed extends Error {
  override readonly name = "Killed";
}

/**
 * The surroundings of a run that is killed at its n-th step: before it or after it was done, a
 * statement or a request alike. Nothing of it does anything afterwards.
 */
export function killable(
  deps: ReportDeps,
  { after, isDone }: { after: number; isDone: boolean },
): ReportDeps {
  let steps = 0;
  const step = async <T>(work: () => Promise<T>): Promise<T> => {
    steps += 1;
    if (steps > after || (steps === after && !isDone)) throw new Killed();
    const result = await work();
    if (steps >= after) throw new Killed();
    return result;
  };
  const { database, sink } = deps;
  const killableDatabase: Database = {
    query: <Row>(statement: string, parameters: Parameter[]) =>
      step(() => database.query<Row>(statement, parameters)),
    queryAs: (claims, statement, parameters) => database.queryAs(claims, statement, parameters),
  };
  const killableSink: MeterSink = {
    ...sink,
    send: (reports: MeterReport[]) => step(() => sink.send(reports)),
  };
  return { ...deps, database: killableDatabase, sink: killableSink };
}
