import { once } from "node:events";
import { createReadStream, createWriteStream } from "node:fs";
import { resolve } from "node:path";
import { finished } from "node:stream/promises";
import { ExitCode, RagctlError, usageError } from "../errors.ts";
import type { Runtime } from "../runtime.ts";
import { linesOf } from "./lines.ts";
import type { ShardRouteResult } from "./result.ts";

/** Who owns a key, the primary first. @throws RagctlError exit 2 for a key that the placement cannot take */
export type Route = (key: string) => readonly string[];

export interface IdSource {
  ids: readonly string[];
  /** A path, or `-` for stdin; one id a line. */
  file?: string;
}

/** Ids that are answered in one document; beyond, they belong in a file. */
const mostInDocument = 2_000_000;

/**
 * Routes ids as they are read, so that a file may be of any length.
 * @param out routes go there, an NDJSON line each, and not into the result
 */
export async function routeIds(
  route: Route,
  source: IdSource,
  out: string | undefined,
  runtime: Pick<Runtime, "stdin" | "cwd" | "signal">,
): Promise<Omit<ShardRouteResult, "source">> {
  const routes: ShardRouteResult["routes"] = [];
  const primaries: Record<string, number> = {};
  const sink = out === undefined ? undefined : createWriteStream(resolve(runtime.cwd, out));
  let ids = 0;
  // Owners are few, ids may be many: each list of owners is one array.
  const lists = new Map<readonly string[], string[]>();
  const listOf = (owners: readonly string[]): string[] => {
    let list = lists.get(owners);
    if (!list) lists.set(owners, (list = [...owners]));
    return list;
  };
  try {
    for await (const id of allIds(source, runtime)) {
      const owners = listOf(route(id));
      const primary = owners[0]!;
      ids++;
      primaries[primary] = (primaries[primary] ?? 0) + 1;
      if (sink) {
        if (!sink.write(`${JSON.stringify({ id, primary, replicas: owners })}\n`)) await once(sink, "drain");
      } else if (ids > mostInDocument)
        throw usageError([{ path: "--ids-from", message: `holds more than ${mostInDocument} ids: -o FILE takes any number` }]);
      else routes.push({ id, primary, replicas: owners });
    }
    if (sink) {
      sink.end();
      await finished(sink);
    }
  } catch (error) {
    sink?.destroy();
    throw sink?.errored
      ? new RagctlError(`${out} cannot be written: ${sink.errored.message}`, {
          code: "file-unwritable",
          exitCode: ExitCode.usage,
        })
      : error;
  }
  return { routes, ids, primaries, file: out ?? null };
}

async function* allIds({ ids, file }: IdSource, { stdin, cwd, signal }: Pick<Runtime, "stdin" | "cwd" | "signal">) {
  yield* ids;
  if (file === undefined) return;
  const input = file === "-" ? stdin.stream : createReadStream(resolve(cwd, file));
  try {
    for await (const line of linesOf(input as AsyncIterable<Buffer | string>)) {
      signal.throwIfAborted();
      if (line !== "") yield line;
    }
  } catch (error) {
    if (signal.aborted || error instanceof RagctlError) throw error;
    throw usageError([{ file, message: `cannot be read: ${(error as Error).message}` }], { code: "ids-unreadable" });
  }
}
