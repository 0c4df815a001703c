import { closeSync, openSync, readSync, statSync } from "node:fs";
import { StringDecoder } from "node:string_decoder";
import type { RunEvent } from "../../runs/contract.ts";

const chunkBytes = 64 * 1024;
/** At one look; a file that grows faster is read on at the next. */
const mostBytes = 4 * 2 ** 20;

/**
 * Follows an NDJSON file of events that others append to, from its present end on. A file that is not there yet is waited for; one that
 * became shorter is read from its beginning. A line that is no event is told once.
 * @param fromStart also what it holds already
 */
export function tailEvents(file: string, warn?: (text: string) => void, fromStart = false): () => RunEvent[] {
  let offset = fromStart ? 0 : (sizeOf(file) ?? 0);
  let decoder = new StringDecoder("utf8");
  let rest = "";
  let warned = false;
  return () => {
    const size = sizeOf(file);
    if (size === undefined || size === offset) return [];
    if (size < offset) {
      offset = 0;
      rest = "";
      decoder = new StringDecoder("utf8");
    }
    const bytes = readFrom(file, offset, Math.min(size - offset, mostBytes));
    offset += bytes.length;
    const lines = (rest + decoder.write(bytes)).split("\n");
    rest = lines.pop() ?? "";
    return lines.flatMap((line) => {
      if (line.trim() === "") return [];
      const event = parseEvent(line);
      if (event) return [event];
      if (!warned) warn?.(`${file} holds a line that is no event: expected {"at", "kind", "name", "phase"}`);
      warned = true;
      return [];
    });
  };
}

/** `{at, kind, name, phase: start | end, detail?}`; `at` in ms since the epoch, or ISO 8601. */
export function parseEvent(line: string): RunEvent | undefined {
  let value: unknown;
  try {
    value = JSON.parse(line);
  } catch {
    return undefined;
  }
  if (typeof value !== "object" || value === null) return undefined;
  const { at, kind, name, phase, detail } = value as Record<string, unknown>;
  const atMs = typeof at === "string" ? Date.parse(at) : at;
  if (typeof atMs !== "number" || !Number.isFinite(atMs)) return undefined;
  if (typeof kind !== "string" || typeof name !== "string" || (phase !== "start" && phase !== "end")) return undefined;
  return { at: atMs, kind, name, phase, ...(detail !== undefined && { detail }) };
}

function sizeOf(file: string): number | undefined {
  return statSync(file, { throwIfNoEntry: false })?.size;
}

function readFrom(file: string, offset: number, length: number): Buffer {
  const descriptor = openSync(file, "r");
  try {
    const chunks: Buffer[] = [];
    for (let at = 0; at < length;) {
      const chunk = Buffer.alloc(Math.min(chunkBytes, length - at));
      const read = readSync(descriptor, chunk, 0, chunk.length, offset + at);
      if (read === 0) break;
      chunks.push(chunk.subarray(0, read));
      at += read;
    }
    return Buffer.concat(chunks);
  } finally {
    closeSync(descriptor);
  }
}
