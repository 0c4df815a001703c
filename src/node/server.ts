import { timingSafeEqual } from "node:crypto";
import fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from "fastify";
import type { Clock } from "../runtime.ts";
import { about } from "./about.ts";
import type { Catalog } from "./catalog.ts";
import { NodeFault, notImplemented } from "./fault.ts";
import { Metrics } from "./metrics.ts";
import { collectionRoutes } from "./routes/collections.ts";
import { makeCall, type Route } from "./routes/context.ts";
import { pointRoutes } from "./routes/points.ts";

export interface ServerOptions {
  catalog: Catalog;
  clock: Clock;
  apiKey: string | undefined;
}

const json = "application/json";
const probes = ["/healthz", "/livez", "/readyz"];
/** As in Qdrant. */
const noKeyNeeded = new Set(["/", ...probes]);

/** The HTTP server, not yet listening. JSON goes in and out as text: fastify neither parses nor serialises it. */
export function createServer({ catalog, clock, apiKey }: ServerOptions): FastifyInstance {
  const startedAt = new Date(clock.nowMs()).toISOString();
  const metrics = new Metrics();
  const server = fastify({
    // Qdrant's limit.
    bodyLimit: 32 * 1024 * 1024,
    // Longer than any client's: a socket that the server closes while a request is on its way is a lost request.
    keepAliveTimeout: 120_000,
    forceCloseConnections: "idle",
    routerOptions: { maxParamLength: 300 },
  });
  server.removeAllContentTypeParsers();
  server.addContentTypeParser("*", { parseAs: "string" }, (_request, body, done) => done(null, body));
  if (apiKey !== undefined)
    server.addHook("onRequest", (request, reply, done) => {
      const problem = noKeyNeeded.has(request.routeOptions.url ?? "") ? undefined : keyProblem(request, apiKey);
      // Plain text, as Qdrant does it.
      if (problem) void reply.code(401).type("text/plain").send(problem);
      else done();
    });
  server.addHook("onResponse", (request, reply, done) => {
    metrics.record(request.method, request.routeOptions.url ?? "unknown", reply.statusCode, reply.elapsedTime / 1000);
    done();
  });
  server.setErrorHandler((error, _request, reply) => fail(reply, error));
  server.setNotFoundHandler((request, reply) => fail(reply, unknownRoute(request)));
  for (const route of [...collectionRoutes, ...pointRoutes, ...serviceRoutes(startedAt)]) addRoute(server, route, catalog, clock);
  for (const probe of probes)
    server.get(probe, (_request, reply) => reply.type("text/plain").send(`${probe.slice(1)} check passed`));
  server.get("/", (_request, reply) => reply.type(json).send(JSON.stringify(about)));
  server.get("/metrics", (_request, reply) => reply.type("text/plain; version=0.0.4").send(metrics.render(catalog, about)));
  return server;
}

function addRoute(server: FastifyInstance, { method, path, handler }: Route, catalog: Catalog, clock: Clock): void {
  server.route({
    method,
    url: path,
    handler: async (request, reply) => {
      const startUs = clock.monotonicUs();
      const result = await handler(makeCall(request, catalog));
      const seconds = (clock.monotonicUs() - startUs) / 1e6;
      void reply.header("content-type", json);
      return `{"result":${result},"status":"ok","time":${seconds.toFixed(6)}}`;
    },
  });
}

function serviceRoutes(startedAt: string): Route[] {
  return [
    { method: "GET", path: "/cluster", handler: () => '{"status":"disabled"}' },
    {
      method: "GET",
      path: "/telemetry",
      handler: ({ catalog }) =>
        JSON.stringify({
          id: "00000000-0000-0000-0000-000000000000",
          app: { name: about.title, version: about.version, startup: startedAt },
          collections: { number_of_collections: catalog.names().length },
        }),
    },
  ];
}

function keyProblem(request: FastifyRequest, apiKey: string): string | undefined {
  const { authorization } = request.headers;
  const bearer = authorization?.startsWith("Bearer ") ? authorization.slice("Bearer ".length) : undefined;
  const given = request.headers["api-key"] ?? bearer;
  if (typeof given !== "string") return "Must provide an API key or an Authorization bearer token";
  const [left, right] = [Buffer.from(given), Buffer.from(apiKey)];
  return left.length === right.length && timingSafeEqual(left, right) ? undefined : "Invalid API key or JWT";
}

function unknownRoute({ method, url }: FastifyRequest): NodeFault {
  const path = url.split("?", 1)[0]!;
  const isQdrants = /^\/(collections|cluster|snapshots|issues|profiler|quotas|locks|aliases)(\/|$)/.test(path);
  return isQdrants ? notImplemented(`${method} ${path}`) : new NodeFault(404, `Not found: ${method} ${path}`);
}

function fail(reply: FastifyReply, error: unknown): FastifyReply {
  const known = error instanceof NodeFault ? error.httpStatus : (error as { statusCode?: number }).statusCode;
  const status = known ?? 500;
  const message = error instanceof Error ? error.message : String(error);
  const text = status === 500 ? `Service internal error: ${message}` : message;
  return reply
    .code(status)
    .type(json)
    .send(JSON.stringify({ status: { error: text }, time: 0 }));
}
