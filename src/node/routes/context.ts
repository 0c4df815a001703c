import type { FastifyRequest } from "fastify";
import type { Catalog } from "../catalog.ts";
import type { Collection } from "../collection.ts";
import { parseBody, type Body } from "../requests.ts";

/** What a route's function gets. */
export interface Call {
  catalog: Catalog;
  /** The collection of the path, by name or alias; 404 where there is none. */
  collection(): Collection;
  /** The name in the path, as written. */
  name: string;
  /** A further parameter of the path. */
  param(name: string): string;
  body(): Body;
  /** The status of a write's answer: whether the caller asked to wait. (It is durable in either case.) */
  writeStatus: "completed" | "acknowledged";
}

export interface Route {
  method: "GET" | "POST" | "PUT" | "DELETE" | "PATCH";
  path: string;
  /** Answers the JSON text of `result`. */
  handler: (call: Call) => string | Promise<string>;
}

export function makeCall(request: FastifyRequest, catalog: Catalog): Call {
  const params = request.params as Record<string, string | undefined>;
  const name = params["collection"] ?? "";
  return {
    catalog,
    name,
    collection: () => catalog.get(name),
    param: (key) => params[key] ?? "",
    body: () => parseBody(request.body),
    writeStatus: (request.query as { wait?: string }).wait === "true" ? "completed" : "acknowledged",
  };
}
