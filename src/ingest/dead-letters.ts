import { closeSync, openSync, writeSync } from "node:fs";
import { access } from "node:fs/promises";
import { z } from "zod";
import { ExitCode, RagctlError, usageError } from "../errors.ts";
import { chunkerNames } from "./chunkers/names.ts";
import type { ChunkOptions, DeadRecord, ReaderOptions } from "./contract.ts";

/** The first line of a file of dead letters: all that is needed to take them again. */
export const deadRunSchema = z.object({
  schemaVersion: z.literal(1),
  kind: z.literal("run"),
  run: z.string(),
  cluster: z.string(),
  collection: z.string(),
  /** What relative sources start from. */
  cwd: z.string(),
  /** `--format`, where it was given: otherwise names of files say what they are. */
  format: z.string().optional(),
  reader: z.object({
    idField: z.string(),
    textField: z.string(),
    titleField: z.string(),
    vectorField: z.string().optional(),
    payload: z.union([z.literal("all"), z.literal("none"), z.array(z.string())]),
    idPrefix: z.string(),
  }),
  chunk: z.object({
    by: z.enum(["format", ...chunkerNames]),
    size: z.number(),
    overlap: z.number(),
  }),
});
export type DeadRun = z.output<typeof deadRunSchema>;

/** What is known of a run when it begins. */
export interface DeadRunFacts extends Pick<DeadRun, "run" | "cluster" | "collection" | "cwd"> {
  format?: string | undefined;
  reader: ReaderOptions;
  chunk: ChunkOptions;
}

const count = z.number().int().min(0);

/** Every other line: a record with its reason, and where it came from. */
export const deadLetterSchema = z.object({
  schemaVersion: z.literal(1),
  reason: z.string(),
  stage: z.enum(["read", "chunk", "embed", "write"]),
  source: z.string(),
  line: count.optional(),
  offset: count.optional(),
  row: count.optional(),
  rest: z.literal(true).optional(),
  rows: count.optional(),
  id: z.string().optional(),
  record: z.string().optional(),
  columns: z.array(z.string()).optional(),
});
export type DeadLetter = z.output<typeof deadLetterSchema>;

/** Where records go that could not be ingested: a line about the run, then one JSON object a line, each with its reason and its place. */
export interface DeadLetters {
  readonly file: string;
  write(record: DeadRecord): void;
  close(): void;
}

/**
 * @param run what the first line says; without it, there is none, and the letters can be taken again only with all flags given
 * @throws RagctlError exit 2 where the file is there already: it may hold what someone still wants
 */
export async function openDeadLetters(file: string, run?: DeadRunFacts): Promise<DeadLetters> {
  const taken = await access(file).then(
    () => true,
    () => false,
  );
  if (taken) throw usageError([{ file, message: "is there already; dead letters want a new file" }]);
  let descriptor: number | undefined;
  const writeLine = (descriptor: number, value: object) => writeSync(descriptor, `${JSON.stringify(value)}\n`);
  return {
    file,
    write({ stage, reason, id, origin, record, columns, rest, rows }) {
      try {
        // Made with the first record, so that a clean run leaves no file; at once, so that a crash loses none.
        if (descriptor === undefined) {
          descriptor = openSync(file, "wx");
          if (run) writeLine(descriptor, { schemaVersion: 1, kind: "run", ...run });
        }
        writeLine(descriptor, {
          schemaVersion: 1,
          reason,
          stage,
          source: origin.source,
          line: origin.line,
          offset: origin.offset,
          row: origin.row,
          rest,
          rows,
          id,
          record,
          columns,
        } satisfies Record<keyof DeadLetter, unknown>);
      } catch (error) {
        throw new RagctlError(`the dead letters cannot be written to ${file}: ${(error as Error).message}`, {
          code: "dead-letters",
          exitCode: ExitCode.usage,
          hint: "name another place with --dead-letters FILE; running the same command again skips what is already stored",
        });
      }
    },
    close() {
      if (descriptor !== undefined) closeSync(descriptor);
      descriptor = undefined;
    },
  };
}
