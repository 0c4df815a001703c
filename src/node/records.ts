import type { Collection } from "./collection.ts";
import { badFormat } from "./fault.ts";
import { parseWithPayload, type PayloadSelector } from "./payload-select.ts";
import { spaceIndex } from "./points-parse.ts";
import type { Body } from "./requests.ts";

/** What of a point an answer carries; `vectors` are indexes of spaces. */
export interface RecordShape {
  payload: PayloadSelector;
  vectors: readonly number[];
}

/** Reads `with_payload` and `with_vector` (also spelled `with_vectors`, as Qdrant accepts). */
export function parseShape(body: Body, collection: Collection, defaults: { payload: boolean }): RecordShape {
  const { spaces } = collection.config;
  const wanted = body["with_vector"] ?? body["with_vectors"] ?? false;
  const payload = parseWithPayload(body["with_payload"], defaults.payload);
  if (typeof wanted === "boolean") return { payload, vectors: wanted ? [...spaces.keys()] : [] };
  if (!Array.isArray(wanted)) throw badFormat("with_vector must be a boolean or a list of vector names");
  return { payload, vectors: wanted.map((name) => spaceIndex(spaces, String(name))) };
}

/** `"id":…` and what the shape asks for, as the inside of a JSON object; SQLite is read for payloads alone. */
export function recordFields(collection: Collection, label: number, shape: RecordShape): string {
  let fields = `"id":${idJson(collection, label)}`;
  if (shape.payload === "all") fields += `,"payload":${collection.payloadText(label)}`;
  else if (shape.payload !== "none") fields += `,"payload":${JSON.stringify(shape.payload(collection.payload(label)))}`;
  if (shape.vectors.length > 0) fields += `,"vector":${vectorsJson(collection, label, shape.vectors)}`;
  return fields;
}

export function idJson(collection: Collection, label: number): string {
  const id = collection.idOf(label);
  return typeof id === "number" ? String(id) : `"${id}"`;
}

function vectorsJson(collection: Collection, label: number, wanted: readonly number[]): string {
  const named: string[] = [];
  for (const place of wanted) {
    const space = collection.spaces[place]!;
    if (!space.has(label)) continue;
    const [name] = collection.config.spaces[place]!;
    const numbers = `[${space.at(label).join(",")}]`;
    if (name === "") return numbers;
    named.push(`${JSON.stringify(name)}:${numbers}`);
  }
  return `{${named.join(",")}}`;
}
