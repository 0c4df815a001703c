import type { CountedQuery, QueryLog, Saving, Sum, Told } from "../contract.ts";
import type { Row } from "./fields.ts";
import { readRows } from "./rows.ts";

interface LogFile {
  /** A path, or `-`: stdin. */
  file: string;
  stdin: NodeJS.ReadableStream;
}

/** A query log in its order, each row one question. @throws RagctlError exit 2, as `readRows` */
export async function readLog(input: LogFile, signal?: AbortSignal): Promise<QueryLog> {
  const gathering = gather();
  await readRows(input, (row) => gathering.add(row), signal);
  return gathering.log();
}

/** A list of queries with how often each was asked; one that is there twice counts twice. */
export async function readCounts(input: LogFile, signal?: AbortSignal): Promise<CountedQuery[]> {
  const counts = new Map<string, CountedQuery>();
  await readRows(
    input,
    ({ query, count, told }) => {
      const known = counts.get(query);
      if (known) known.count += count;
      else counts.set(query, { query, count, ...(Object.keys(told).length > 0 && { told }) });
    },
    signal,
  );
  return [...counts.values()].toSorted((a, b) => b.count - a.count);
}

/** Gathers rows into a log: four bytes a reference, a text a distinct query. */
function gather(): { add(row: Row): void; log(): QueryLog } {
  const places = new Map<string, number>();
  const told = new Map<number, Told>();
  let references = new Int32Array(1024);
  let length = 0;
  return {
    add({ query, told: saving }) {
      let place = places.get(query);
      if (place === undefined) places.set(query, (place = places.size));
      if (length === references.length) {
        const larger = new Int32Array(length * 2);
        larger.set(references);
        references = larger;
      }
      references[length++] = place;
      add(told, place, saving);
    },
    log: () => ({ queries: [...places.keys()], references: references.subarray(0, length), told }),
  };
}

function add(told: Map<number, Told>, place: number, saving: Partial<Saving>): void {
  const given = Object.entries(saving) as [keyof Saving, number][];
  if (given.length === 0) return;
  let sums = told.get(place);
  if (!sums) told.set(place, (sums = { latencyMs: nothing(), tokens: nothing(), money: nothing() }));
  for (const [name, value] of given) {
    sums[name].total += value;
    sums[name].rows++;
  }
}

function nothing(): Sum {
  return { total: 0, rows: 0 };
}
