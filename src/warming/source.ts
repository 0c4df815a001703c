import type { PopularityReader } from "../cache/popularity/contract.ts";
import { RagctlError, ExitCode } from "../errors.ts";
import type { CountedQuery } from "./contract.ts";
import { splitLog } from "./plan/split.ts";
import { readCounts, readLog } from "./read/log.ts";

/** Where the queries come from, and what the result is judged by. */
export type WarmSource =
  | { kind: "log"; file: string; heldOutShare: number }
  | { kind: "file"; file: string; replayLog?: string }
  | { kind: "popular"; replayLog?: string };

export interface Candidates {
  queries: CountedQuery[];
  /** References that they were counted in. */
  references: number;
  heldOut: CountedQuery[];
  heldOutReferences: number;
  /** References to queries that are not among them, where that is known (of a sketch). */
  others: number;
  /** False: a plain list, which says nothing of how often each will be asked. */
  counted: boolean;
}

/** Of the popularity that is kept, this much is looked at. */
const mostPopular = 1_000_000;

/** @throws RagctlError exit 2 with what is wrong with a file, or where nobody has asked anything yet; 3 where the cache cannot be asked */
export async function candidatesOf(
  source: WarmSource,
  { stdin, signal, popularity }: { stdin: NodeJS.ReadableStream; signal: AbortSignal; popularity: PopularityReader | undefined },
): Promise<Candidates> {
  if (source.kind === "log") {
    const split = splitLog(await readLog({ file: source.file, stdin }, signal), source.heldOutShare);
    const { training, heldOut, trainingReferences, heldOutReferences } = split;
    return { queries: training, references: trainingReferences, heldOut, heldOutReferences, others: 0, counted: true };
  }
  const judged =
    source.replayLog === undefined ? undefined : splitLog(await readLog({ file: source.replayLog, stdin }, signal), 0);
  const replayed = { heldOut: judged?.training ?? [], heldOutReferences: judged?.trainingReferences ?? 0 };
  if (source.kind === "file") {
    const queries = await readCounts({ file: source.file, stdin }, signal);
    const references = queries.reduce((sum, { count }) => sum + count, 0);
    return { queries, references, others: 0, counted: references > queries.length, ...replayed };
  }
  const { queries, references } = (await popularity?.top(mostPopular)) ?? { queries: [], references: 0 };
  if (queries.length === 0)
    throw new RagctlError("no popularity has been counted in this cache yet", {
      code: "no-popularity",
      exitCode: ExitCode.usage,
      hint: "warm it from a log: --log queries.jsonl",
    });
  // A count of a sketch is at most so much, and at least so much less its error.
  const counted = queries.map(({ query, count, error }) => ({ query, count: Math.max(count - error / 2, count / 2) }));
  const listed = counted.reduce((sum, { count }) => sum + count, 0);
  return {
    queries: counted,
    references: Math.max(references, listed),
    others: Math.max(0, references - listed),
    counted: true,
    ...replayed,
  };
}
