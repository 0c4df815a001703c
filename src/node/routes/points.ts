import type { PointId } from "../../stores/contract.ts";
import type { Collection } from "../collection.ts";
import { badFormat, NodeFault, wrongInput } from "../fault.ts";
import { compileFilter } from "../filter.ts";
import { parsePointId } from "../ids.ts";
import { parseJsonPath, type PathStep } from "../json-path.ts";
import { parsePayload, parsePoints } from "../points-parse.ts";
import { parseShape, recordFields } from "../records.ts";
import { asArray, asObject, checkFields, type Body } from "../requests.ts";
import { answerScroll } from "../scroll.ts";
import { answerQuery, answerSearch } from "../search.ts";
import type { Call, Route } from "./context.ts";

const base = "/collections/:collection/points";

export const pointRoutes: Route[] = [
  { method: "PUT", path: base, handler: upsert },
  { method: "POST", path: base, handler: retrieve },
  { method: "GET", path: `${base}/:id`, handler: retrieveOne },
  { method: "POST", path: `${base}/delete`, handler: remove },
  { method: "POST", path: `${base}/payload`, handler: (call) => changePayload(call, (old, given) => ({ ...old, ...given })) },
  { method: "PUT", path: `${base}/payload`, handler: (call) => changePayload(call, (_, given) => given) },
  { method: "POST", path: `${base}/payload/delete`, handler: deletePayloadKeys },
  { method: "POST", path: `${base}/payload/clear`, handler: clearPayload },
  { method: "POST", path: `${base}/query`, handler: (call) => `{"points":${answerQuery(call.body(), call.collection())}}` },
  {
    method: "POST",
    path: `${base}/query/batch`,
    handler: (call) => batch(call, (body, c) => `{"points":${answerQuery(body, c)}}`),
  },
  { method: "POST", path: `${base}/search`, handler: (call) => answerSearch(call.body(), call.collection()) },
  { method: "POST", path: `${base}/search/batch`, handler: (call) => batch(call, answerSearch) },
  { method: "POST", path: `${base}/scroll`, handler: (call) => answerScroll(call.body(), call.collection()) },
  { method: "POST", path: `${base}/count`, handler: count },
];

async function upsert(call: Call): Promise<string> {
  const collection = call.collection();
  const body = call.body();
  const points = parsePoints(body, collection.config.spaces);
  if (points.length === 0) throw wrongInput("Empty update request");
  // In one turn with the write: nobody can change a point in between.
  const replaces = compileFilter(body["update_filter"], collection);
  const version = collection.upsert(
    replaces
      ? points.filter(({ id }) => {
          const label = collection.labelOf(id);
          return label === undefined || replaces(label);
        })
      : points,
  );
  await call.catalog.indexer.settled();
  return writeAnswer(call, version);
}

function writeAnswer(call: Call, version: number): string {
  return `{"operation_id":${version},"status":"${call.writeStatus}"}`;
}

function retrieve(call: Call): string {
  const collection = call.collection();
  const body = call.body();
  checkFields(body, new Set(["ids", "with_payload", "with_vector", "with_vectors"]), "a retrieval");
  const shape = parseShape(body, collection, { payload: true });
  const { labels } = labelsOf(collection, asArray(body["ids"], "ids"));
  return `[${labels.map((label) => `{${recordFields(collection, label, shape)}}`).join(",")}]`;
}

function retrieveOne(call: Call): string {
  const collection = call.collection();
  const text = call.param("id");
  const id = parsePointId(/^\d+$/.test(text) ? Number(text) : text);
  const label = collection.labelOf(id);
  if (label === undefined) throw missingPoint(id);
  return `{${recordFields(collection, label, parseShape({ with_vector: true }, collection, { payload: true }))}}`;
}

function remove(call: Call): string {
  const collection = call.collection();
  const body = call.body();
  checkFields(body, new Set(["points", "filter"]), "a deletion");
  return writeAnswer(call, collection.delete(selected(collection, body).labels));
}

function changePayload(call: Call, change: (old: Body, given: Body) => Body): string {
  const body = call.body();
  checkFields(body, new Set(["payload", "points", "filter"]), "a change of payload");
  const given = parsePayload(asObject(body["payload"], "payload"));
  return changeSelected(call, body, (old) => change(old, given));
}

function deletePayloadKeys(call: Call): string {
  const body = call.body();
  checkFields(body, new Set(["keys", "points", "filter"]), "a deletion of payload keys");
  const paths = asArray(body["keys"], "keys").map((key) => {
    if (typeof key !== "string") throw badFormat("keys must be strings");
    return parseJsonPath(key);
  });
  return changeSelected(call, body, (old) => {
    for (const path of paths) dropPath(old, path);
    return old;
  });
}

function clearPayload(call: Call): string {
  const body = call.body();
  checkFields(body, new Set(["points", "filter"]), "a clearing of payloads");
  return changeSelected(call, body, () => ({}));
}

function dropPath(value: unknown, [step, ...rest]: readonly PathStep[]): void {
  if (value === null || typeof value !== "object" || !step) return;
  if ("field" in step) {
    if (rest.length === 0) delete (value as Body)[step.field];
    else dropPath((value as Body)[step.field], rest);
  } else if (Array.isArray(value)) {
    if (rest.length === 0) value.splice("at" in step ? step.at : 0, "at" in step ? 1 : value.length);
    else for (const element of "at" in step ? [value[step.at] as unknown] : (value as unknown[])) dropPath(element, rest);
  }
}

/** Points that are not there are an error, after those that are have been changed: Qdrant's order. */
function changeSelected(call: Call, body: Body, change: (old: Body) => Body): string {
  const collection = call.collection();
  const { labels, missing } = selected(collection, body);
  const version = collection.changePayload(labels, change);
  if (missing !== undefined) throw new NodeFault(404, `Not found: No point with id ${missing} found`);
  return writeAnswer(call, version);
}

/** The points that `points` (ids) or `filter` select. */
function selected(collection: Collection, body: Body): { labels: number[]; missing?: PointId | undefined } {
  if (body["points"] !== undefined && body["points"] !== null) return labelsOf(collection, asArray(body["points"], "points"));
  if (body["filter"] === undefined || body["filter"] === null) throw badFormat("either points or filter must be given");
  return { labels: [...collection.matching(compileFilter(body["filter"], collection))] };
}

function labelsOf(collection: Collection, ids: readonly unknown[]): { labels: number[]; missing: PointId | undefined } {
  const labels = new Set<number>();
  let missing: PointId | undefined;
  for (const value of ids) {
    const id = parsePointId(value);
    const label = collection.labelOf(id);
    if (label === undefined) missing ??= id;
    else labels.add(label);
  }
  return { labels: [...labels], missing };
}

function missingPoint(id: PointId): NodeFault {
  return new NodeFault(404, `Not found: Point with id ${id} does not exists!`);
}

function batch(call: Call, one: (body: Body, collection: Collection) => string): string {
  const collection = call.collection();
  const body = call.body();
  checkFields(body, new Set(["searches"]), "a batch");
  const searches = asArray(body["searches"], "searches").map((search) => asObject(search, "a search"));
  return `[${searches.map((search) => one(search, collection)).join(",")}]`;
}

function count(call: Call): string {
  const collection = call.collection();
  const body = call.body();
  checkFields(body, new Set(["filter", "exact"]), "a count");
  const accept = compileFilter(body["filter"], collection);
  if (!accept) return `{"count":${collection.count}}`;
  let matches = 0;
  for (const _ of collection.matching(accept)) matches++;
  return `{"count":${matches}}`;
}
