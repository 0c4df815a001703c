import { readFileSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { usageError } from "../../errors.ts";
import { readRun, runIds, type RunDetail } from "../../runs/read.ts";
import type { FilePosition, ResumeState } from "./contract.ts";
import { acknowledgedEvent, seenFile } from "./writer.ts";

/** Name of the first event of an ingest run: what it was asked to do. */
export const beginEvent = "begin";

const count = z.number().int().min(0);
const position = z.object({
  path: z.string(),
  bytes: z.number(),
  mtimeMs: z.number(),
  items: count,
  place: z.object({ line: count.optional(), offset: count.optional(), row: count.optional() }).optional(),
  done: z.literal(true).optional(),
});
const entrySchema = z.object({
  files: z.array(position),
  seen: count,
  documents: z.object({ ok: count, unchanged: count, skipped: count, dead: count }),
});
const beginSchema = z.object({
  /** What the command line said: paths and flags, to be said again. */
  input: z.unknown(),
  cwd: z.string(),
  cluster: z.string(),
  collection: z.string(),
  /** The run whose positions this one goes on from. */
  continues: z.string().optional(),
  /** The run in whose place this one is, whether anything of it was done or not: it is not gone on with any more. */
  takesOver: z.string().optional(),
});

/** What a run was asked to do, written as its first event and read by `--resume`. */
export type IngestBegin = z.output<typeof beginSchema>;

/**
 * The run to go on with.
 * @param wanted an id or the end of one; `latest`: the newest run of ingest that can be resumed
 * @throws RagctlError exit 2 where there is none
 */
export function readIngestRun(stateDir: string, wanted: string): { detail: RunDetail; begin: IngestBegin } {
  const id = wanted === "latest" ? latestOpen(stateDir) : wanted;
  if (id === undefined)
    throw usageError([{ path: "--resume", message: "there is no run of ingest that stopped before its end" }], {
      code: "run-unknown",
      hint: "ragctl runs lists all runs",
    });
  const detail = readRun(stateDir, id);
  const begin = beginOf(detail);
  if (begin) return { detail, begin };
  const { command } = detail.summary;
  const why = command === "ingest" ? "it stopped before it began to read" : `it is one of ragctl ${command}`;
  throw usageError([{ path: "--resume", message: `run ${detail.summary.id} cannot be gone on with: ${why}` }], {
    code: "run-not-resumable",
    hint: "run ragctl ingest with its paths again: what is stored is skipped",
  });
}

/**
 * Everything that a run and those before it had done; undefined where that is nothing, or where their records are gone: then
 * the input is read from its beginning, and what is stored is found unchanged.
 */
export function readResumeState(
  stateDir: string,
  { detail, begin }: { detail: RunDetail; begin: IngestBegin },
): ResumeState | undefined {
  const chain = [detail];
  for (let before = begin.continues; before !== undefined;) {
    const earlier = tryRead(stateDir, before);
    if (!earlier) return undefined;
    chain.unshift(earlier.detail);
    before = earlier.begin.continues;
  }
  const files = new Map<string, FilePosition>();
  const digests: bigint[] = [];
  let last: z.output<typeof entrySchema> | undefined;
  for (const run of chain) {
    const seenBefore = digests.length;
    for (const event of run.events) {
      if (event.kind !== "ingest" || event.name !== acknowledgedEvent) continue;
      const entry = entrySchema.safeParse(event.detail);
      if (!entry.success) return undefined;
      last = entry.data;
      for (const file of entry.data.files) files.set(file.path, file);
    }
    const counted = (last?.seen ?? 0) - seenBefore;
    const own = readDigests(join(run.dir, seenFile));
    if (own.length < counted) return undefined;
    for (const digest of own.subarray(0, counted)) digests.push(digest);
  }
  return last && { run: detail.summary.id, files, seen: BigUint64Array.from(digests), documents: last.documents };
}

function tryRead(stateDir: string, id: string) {
  try {
    return readIngestRun(stateDir, id);
  } catch {
    return undefined;
  }
}

/** The ingest run that stopped last, and that no other has taken over. */
function latestOpen(stateDir: string): string | undefined {
  const takenOver = new Set<string>();
  // Ids tell seconds alone: of those of one second, the time in their records decides.
  for (const second of Map.groupBy(runIds(stateDir), (id) => id.slice(0, secondDigits)).values()) {
    const runs = second.flatMap((id) => tryReadRun(stateDir, id) ?? []).filter(({ summary }) => summary.command === "ingest");
    for (const run of runs) {
      const before = beginOf(run)?.takesOver;
      if (before !== undefined) takenOver.add(before);
    }
    const found = runs
      .toSorted((a, b) => b.summary.startedAt - a.summary.startedAt)
      .find(({ summary }) => summary.state !== "running" && summary.resume !== undefined && !takenOver.has(summary.id));
    if (found) return found.summary.id;
  }
  return undefined;
}

/** `20260131-235959` of a run's id. */
const secondDigits = 15;

function tryReadRun(stateDir: string, id: string): RunDetail | undefined {
  try {
    return readRun(stateDir, id);
  } catch {
    return undefined;
  }
}

function beginOf({ events }: RunDetail): IngestBegin | undefined {
  return beginSchema.safeParse(events.find(({ kind, name }) => kind === "ingest" && name === beginEvent)?.detail).data;
}

/** Whole ids alone: a crash can leave a part of one. */
function readDigests(path: string): BigUint64Array {
  let bytes: Buffer;
  try {
    bytes = readFileSync(path);
  } catch {
    return new BigUint64Array();
  }
  const copy = new Uint8Array(bytes.subarray(0, bytes.length - (bytes.length % 8)));
  return new BigUint64Array(copy.buffer);
}
