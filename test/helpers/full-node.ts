import { once } from "node:events";
import { createServer, request, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

/** How a node says that it has no room: the quota of Qdrant, and a disk that is full under it. */
export const noRoom = {
  quota: { status: 507, error: "Insufficient storage: quota of 1500 points exceeded" },
  disk: { status: 500, error: "Service internal error: No space left on device: WAL buffer size exceeds available disk space" },
} as const;

export interface FullNode {
  url: string;
  /** The node behind it. */
  upstream: string;
  /** Upserts that were let through, and requests that were refused, since the last `fillAfter`. */
  passed: number;
  refused: number;
  /** So many upserts more have room. */
  fillAfter(upserts: number, how: keyof typeof noRoom): void;
  makeRoom(): void;
  stop(): Promise<void>;
}

/**
 * A proxy in front of a node that answers as a full node does once there is no more room: to upserts and new collections, and where the
 * disk is full to deletes too, since they are written to a log first. All else goes through.
 */
export async function startFullNode(): Promise<FullNode> {
  let full: { after: number; how: keyof typeof noRoom } | undefined;
  const refuse = (response: ServerResponse) => {
    const { status, error } = noRoom[full!.how];
    response.writeHead(status, { "content-type": "application/json" });
    response.end(JSON.stringify({ time: 0, status: { error }, result: null }));
  };
  const server = createServer((incoming, response) => {
    const upsert = incoming.method === "PUT" && /^\/collections\/[^/]+\/points(\?|$)/.test(incoming.url!);
    const creation = incoming.method === "PUT" && /^\/collections\/[^/]+(\?|$)/.test(incoming.url!);
    const deletion = full?.how === "disk" && /\/points\/delete(\?|$)/.test(incoming.url!);
    if ((upsert || creation || deletion) && full && node.passed >= full.after) {
      node.refused++;
      incoming.resume().once("end", () => refuse(response));
      return;
    }
    if (upsert) node.passed++;
    const { method, headers } = incoming;
    const outgoing = request(new URL(incoming.url!, node.upstream), { method: method!, headers }, (answer) => {
      response.writeHead(answer.statusCode!, answer.headers);
      answer.pipe(response);
    });
    outgoing.once("error", () => response.destroy());
    incoming.pipe(outgoing);
  });
  server.listen(0, "127.0.0.1");
  await once(server, "listening");
  const node: FullNode = {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    upstream: "",
    passed: 0,
    refused: 0,
    fillAfter(after, how) {
      full = { after, how };
      node.passed = node.refused = 0;
    },
    makeRoom: () => (full = undefined),
    async stop() {
      server.closeAllConnections();
      server.close();
      await once(server, "close");
    },
  };
  return node;
}
