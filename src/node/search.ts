import type { Collection } from "./collection.ts";
import { passesThreshold, scoreOfRank, writeVector } from "./distance.ts";
import { badFormat, NodeFault, notImplemented } from "./fault.ts";
import { compileFilter, type Predicate } from "./filter.ts";
import { parsePointId } from "./ids.ts";
import { spaceIndex } from "./points-parse.ts";
import { parseShape, recordFields } from "./records.ts";
import { asObject, checkFields, flag, optionalNumber, wholeNumber, type Body } from "./requests.ts";

const shared = ["filter", "params", "limit", "offset", "score_threshold", "with_payload", "with_vector", "with_vectors"];
const queryFields = new Set(["query", "using", ...shared]);
const searchFields = new Set(["vector", "top", ...shared]);
/** How Qdrant goes about a search, not what it finds: here the graph is as broad as it is, and nothing is quantised. */
const paramFields = new Set(["exact", "hnsw_ef", "indexed_only", "quantization", "acorn"]);

interface Target {
  place: number;
  vector: Float32Array;
  /** The point that was given as the query, which is not among its own neighbours. */
  not?: number;
}

/** `POST …/points/query` (its nearest-neighbour form) → the JSON of the list of scored points. */
export function answerQuery(body: Body, collection: Collection): string {
  checkFields(body, queryFields, "a query");
  const { query, using } = body;
  if (query === undefined || query === null) throw notImplemented("queries without a vector (use scroll)");
  if (using !== undefined && using !== null && typeof using !== "string") throw badFormat("using must be a string");
  const place = spaceIndex(collection.config.spaces, using ?? "");
  let nearest: unknown = query;
  if (typeof query === "object" && !Array.isArray(query)) {
    checkFields(query as Body, new Set(["nearest"]), "a query");
    nearest = (query as Body)["nearest"];
  }
  return answer(body, collection, target(nearest, place, collection));
}

/** `POST …/points/search`, which older clients use. */
export function answerSearch(body: Body, collection: Collection): string {
  checkFields(body, searchFields, "a search");
  const { vector } = body;
  const isNamed = vector !== null && typeof vector === "object" && !Array.isArray(vector);
  const named = isNamed ? asObject(vector, "vector") : { name: "", vector };
  checkFields(named, new Set(["name", "vector"]), "a named vector");
  const place = spaceIndex(collection.config.spaces, String(named["name"]));
  if (!Array.isArray(named["vector"])) throw badFormat("vector must be an array of numbers");
  return answer(
    body["top"] === undefined ? body : { limit: body["top"], ...body },
    collection,
    target(named["vector"], place, collection),
  );
}

function target(nearest: unknown, place: number, collection: Collection): Target {
  const space = collection.spaces[place]!;
  if (typeof nearest === "number" || typeof nearest === "string") {
    const label = collection.labelOf(parsePointId(nearest));
    if (label === undefined || !space.has(label)) throw new NodeFault(404, `Not found: No point with id ${nearest} found`);
    return { place, vector: space.at(label).slice(), not: label };
  }
  if (!Array.isArray(nearest) || Array.isArray(nearest[0]))
    throw notImplemented("queries by anything but one vector or point id");
  const vector = new Float32Array(space.config.size);
  writeVector(nearest, space.config.size, space.config.distance, vector);
  return { place, vector };
}

function answer(body: Body, collection: Collection, { place, vector, not }: Target): string {
  const limit = wholeNumber(body, "limit", 10, 1);
  const offset = wholeNumber(body, "offset", 0, 0);
  const threshold = optionalNumber(body, "score_threshold");
  const params = body["params"] === undefined || body["params"] === null ? {} : asObject(body["params"], "params");
  checkFields(params, paramFields, "the search parameters");
  const shape = parseShape(body, collection, { payload: false });
  const space = collection.spaces[place]!;
  const accept = without(not, compileFilter(body["filter"], collection));
  const k = Math.min(limit + offset, space.count);
  const top = space.search(vector, k, { accept, exact: flag(params, "exact") });
  const points: string[] = [];
  for (let index = offset; index < top.length; index++) {
    const score = scoreOfRank(space.config.distance, top.ranks[index]!);
    if (!passesThreshold(space.config.distance, score, threshold)) break;
    const label = top.labels[index]!;
    points.push(`{${recordFields(collection, label, shape)},"version":${collection.versionOf(label)},"score":${score}}`);
  }
  return `[${points.join(",")}]`;
}

function without(label: number | undefined, accept: Predicate | undefined): Predicate | undefined {
  if (label === undefined) return accept;
  return accept ? (other) => other !== label && accept(other) : (other) => other !== label;
}
