#!/usr/bin/env node
// Stands in for the qdrant binary: readiness, a version, and no collections. Tests put its directory first on PATH as `qdrant`.
import { createServer } from "node:http";

const {
  QDRANT__SERVICE__HTTP_PORT: port,
  QDRANT__SERVICE__HOST: host,
  FAKE_QDRANT_EXIT: exitCode,
  FAKE_QDRANT_NEVER_READY: never,
} = process.env;
if (exitCode) {
  console.log("fake qdrant: told to fail");
  process.exit(Number(exitCode));
}
const server = createServer((request, response) => {
  const url = request.url ?? "/";
  if (url.startsWith("/readyz")) response.writeHead(never ? 503 : 200).end("ok");
  else if (url === "/")
    response.writeHead(200, { "content-type": "application/json" }).end('{"title":"qdrant","version":"1.19.0"}');
  else if (url === "/collections")
    response.writeHead(200, { "content-type": "application/json" }).end('{"result":{"collections":[]},"status":"ok","time":0}');
  else response.writeHead(404).end();
});
server.listen(Number(port), host);
