import { ExitCode, RagctlError } from "../../errors.ts";
import type { Hit, Point, PointId, ScrollPage } from "../contract.ts";
import { isPointId } from "./ids.ts";
import { parseLossless } from "./lossless.ts";

/**
 * Readers of Qdrant's answers. They pass over what ragctl does not need, and are strict about what it does: a body that is
 * not what Qdrant documents is an error with a sentence, never an `undefined` that surfaces somewhere else.
 */

type Fields = Record<string, unknown>;

/** POST /points/query. */
export function parseSearch(body: Buffer, vectorName: string | undefined): Hit[] {
  const points = list(record(result(body), "result")["points"], "result.points");
  return points.map((raw, i) => {
    const fields = record(raw, `result.points[${i}]`);
    const score = fields["score"];
    if (typeof score !== "number") throw unexpected(`result.points[${i}].score is ${shown(score)}, not a number`);
    return Object.assign(point(fields, `result.points[${i}]`, vectorName), { score });
  });
}

/** POST /points. */
export function parseFetch(body: Buffer, vectorName: string | undefined): Point[] {
  return points(result(body, parseLossless), "result", vectorName);
}

/** POST /points/scroll. */
export function parseScroll(body: Buffer, vectorName: string | undefined): ScrollPage {
  const page = record(result(body, parseLossless), "result");
  const next = page["next_page_offset"] ?? undefined;
  return {
    points: points(page["points"], "result.points", vectorName),
    ...(next !== undefined && { next: pointId(next, "result.next_page_offset") }),
  };
}

/** POST /points/count. */
export function parseCount(body: Buffer): number {
  const count = record(result(body), "result")["count"];
  if (typeof count !== "number" || !Number.isSafeInteger(count) || count < 0)
    throw unexpected(`result.count is ${shown(count)}, not a count`);
  return count;
}

/** Any update of points. `wait_timeout` is an answer too: taken in, and not applied within the server's patience. */
export function parseWrite(body: Buffer): "applied" | "queued" {
  const status = record(result(body), "result")["status"];
  if (status === "completed") return "applied";
  if (status === "acknowledged" || status === "wait_timeout") return "queued";
  throw unexpected(`result.status is ${shown(status)}, not completed, acknowledged or wait_timeout`);
}

function result(body: Buffer, parse: (text: string) => unknown = JSON.parse): unknown {
  let document: unknown;
  try {
    document = parse(body.toString());
  } catch (error) {
    throw unexpected(`the body is not JSON (${JSON.stringify(body.toString("utf8", 0, 60))})`, error);
  }
  const value = record(document, "the body")["result"];
  if (value === undefined || value === null) throw unexpected("the body has no result");
  return value;
}

function points(raw: unknown, path: string, vectorName: string | undefined): Point[] {
  return list(raw, path).map((item, i) => point(record(item, `${path}[${i}]`), `${path}[${i}]`, vectorName));
}

function point(fields: Fields, path: string, vectorName: string | undefined): Point & { vector?: number[] } {
  const id = pointId(fields["id"], `${path}.id`);
  const payload = fields["payload"] ?? undefined;
  const vector = fields["vector"] ?? undefined;
  return {
    id,
    ...(payload !== undefined && { payload: record(payload, `${path}.payload`) }),
    ...(vector !== undefined && { vector: numbers(vector, `${path}.vector`, vectorName) }),
  };
}

function pointId(id: unknown, path: string): PointId {
  if (isPointId(id)) return id;
  // A raw number where the text was parsed without loss, a rounded one elsewhere.
  if (/^\d{16,}$/.test(JSON.stringify(id) ?? ""))
    throw new RagctlError(
      `the store holds a point whose id is above 2^53 (${JSON.stringify(id)}), which ragctl does not handle`,
      {
        code: "point-id-too-large",
        exitCode: ExitCode.unreachable,
        hint: "JavaScript would round it to another point's id. Re-key those points with UUIDs.",
      },
    );
  throw unexpected(`${path} is ${shown(id)}, neither an unsigned integer nor a UUID`);
}

function numbers(vector: unknown, path: string, vectorName: string | undefined): number[] {
  const dense = vectorName === undefined ? vector : record(vector, path)[vectorName];
  if (!Array.isArray(dense) || typeof dense[0] !== "number")
    throw unexpected(`${path}${vectorName === undefined ? "" : `.${vectorName}`} is ${shown(dense)}, not a dense vector`);
  return dense as number[];
}

function record(value: unknown, path: string): Fields {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw unexpected(`${path} is ${shown(value)}, not an object`);
  return value as Fields;
}

function list(value: unknown, path: string): unknown[] {
  if (!Array.isArray(value)) throw unexpected(`${path} is ${shown(value)}, not a list`);
  return value;
}

function shown(value: unknown): string {
  if (value === undefined) return "missing";
  const text = JSON.stringify(value);
  return text.length > 40 ? `${text.slice(0, 40)}…` : text;
}

function unexpected(what: string, cause?: unknown): RagctlError {
  return new RagctlError(`the answer is not one of Qdrant's API: ${what}`, {
    code: "store-answer-unexpected",
    exitCode: ExitCode.unreachable,
    hint: "Is the node's URL that of a Qdrant server (1.16 to 1.19), with no proxy in between that answers for it?",
    cause,
  });
}
