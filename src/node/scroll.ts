import type { Collection } from "./collection.ts";
import { badFormat, notImplemented, wrongInput } from "./fault.ts";
import { compileFilter, type Predicate } from "./filter.ts";
import { compareIds, parsePointId } from "./ids.ts";
import { idJson, parseShape, recordFields, type RecordShape } from "./records.ts";
import { asObject, checkFields, wholeNumber, type Body } from "./requests.ts";

const fields = new Set(["filter", "limit", "offset", "order_by", "with_payload", "with_vector", "with_vectors"]);

/** `POST …/points/scroll` → the JSON of `{points, next_page_offset}`. */
export function answerScroll(body: Body, collection: Collection): string {
  checkFields(body, fields, "a scroll");
  const limit = wholeNumber(body, "limit", 10, 1);
  const shape = parseShape(body, collection, { payload: true });
  const accept = compileFilter(body["filter"], collection);
  const { offset } = body;
  const start = offset === undefined || offset === null ? undefined : parsePointId(offset);
  if (body["order_by"] !== undefined && body["order_by"] !== null) {
    if (start !== undefined)
      throw wrongInput("Cannot use an `offset` when using `order_by`. The alternative for paging is `start_from`");
    return ordered(body["order_by"], collection, { limit, shape, accept });
  }
  const points: string[] = [];
  for (const label of collection.inOrder(start, accept)) {
    if (points.length === limit) return page(points, idJson(collection, label));
    points.push(`{${recordFields(collection, label, shape)}}`);
  }
  return page(points, "null");
}

function page(points: string[], next: string): string {
  return `{"points":[${points.join(",")}],"next_page_offset":${next}}`;
}

/** By a numeric payload field that has an index; a point with several values comes once for each, as in Qdrant. */
function ordered(
  orderBy: unknown,
  collection: Collection,
  { limit, shape, accept }: { limit: number; shape: RecordShape; accept: Predicate | undefined },
): string {
  const order: Body = typeof orderBy === "string" ? { key: orderBy } : asObject(orderBy, "order_by");
  checkFields(order, new Set(["key", "direction", "start_from"]), "order_by");
  const { key, direction = "asc", start_from: startFrom } = order;
  if (typeof key !== "string") throw badFormat("order_by needs a key");
  if (direction !== null && direction !== "asc" && direction !== "desc") throw badFormat("direction must be asc or desc");
  if (typeof startFrom === "string") throw notImplemented("order_by with dates");
  if (startFrom !== undefined && startFrom !== null && typeof startFrom !== "number")
    throw badFormat("start_from must be a number");
  const index = collection.indexes.get(key);
  if (index?.type !== "integer" && index?.type !== "float")
    throw wrongInput(`No range index for \`order_by\` key: \`${key}\`. Please create one to use \`order_by\`.`);
  const sign = direction === "desc" ? -1 : 1;
  const entries: { label: number; value: number }[] = [];
  for (const label of collection.matching(accept))
    for (const value of [index.read(label)].flat())
      if (typeof value === "number" && (typeof startFrom !== "number" || sign * (value - startFrom) >= 0))
        entries.push({ label, value });
  entries.sort((a, b) => sign * (a.value - b.value) || compareIds(collection.idOf(a.label), collection.idOf(b.label)));
  const points = entries
    .slice(0, limit)
    .map(({ label, value }) => `{${recordFields(collection, label, shape)},"order_value":${value}}`);
  return page(points, "null");
}
