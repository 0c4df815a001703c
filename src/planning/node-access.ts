import type { ClusterConfig } from "../config/schema.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import type { NodePool, PreparedRequest } from "../http/contract.ts";
import { createPool } from "../http/pool.ts";
import { physicalOf, type RoutingTable } from "../sharding/table.ts";
import type { Filter, Point } from "../stores/contract.ts";
import { endpointOf, poolOptionsOf } from "../stores/endpoint.ts";
import { driverFor } from "../stores/index.ts";
import { searchesIn } from "./heat/counters.ts";

/** What planning asks of one node. All reject with a RagctlError, exit 3, where it does not answer. */
export interface NodeAccess {
  count(filter?: Filter): Promise<number>;
  /** A page of points with their payload. */
  sample(limit: number): Promise<Point[]>;
  /** Searches and fetches that it has answered since it started; undefined where it does not count them. */
  searches(): Promise<number | undefined>;
}

export interface Nodes {
  of(id: string): NodeAccess;
  close(): Promise<void>;
}

const collectionMissing = "collection-missing";

/** What a node holds of a collection; one that has not joined yet need not have it. */
export async function pointsOn(node: NodeAccess, joining: boolean): Promise<number> {
  try {
    return await node.count();
  } catch (error) {
    if (joining && error instanceof RagctlError && error.code === collectionMissing) return 0;
    throw error;
  }
}

const defaultTimeoutMs = 5_000;
const attempts = 2;

/** The nodes of a table: the config's own entry where it has one, else the table's URL with the cluster's credentials. */
export function nodesOfTable(cluster: ClusterConfig, table: RoutingTable, cwd: string): Nodes {
  const driver = driverFor(cluster);
  const face = driver.data(physicalOf(table), table.vector.name);
  const timeoutMs = cluster.store.timeout ?? defaultTimeoutMs;
  const pools = new Map<string, NodePool>();
  const poolOf = (id: string): NodePool => {
    let pool = pools.get(id);
    if (!pool) {
      const config = cluster.nodes.find((node) => node.id === id) ?? { id, url: table.nodes[id]!.url, weight: 1 };
      pools.set(id, (pool = createPool({ ...poolOptionsOf(driver, endpointOf(cluster, config, cwd)), connections: 4 })));
    }
    return pool;
  };
  const ask = async <T>(id: string, request: PreparedRequest, parse: (body: Buffer) => T): Promise<T> => {
    for (let attempt = 1; ; attempt++) {
      try {
        const answer = await poolOf(id).send(request, { timeoutMs });
        if (answer.status < 300) return parse(answer.body);
        const { message } = face.failure(answer.status, answer.body, answer.headers);
        if (answer.status === 404)
          throw new RagctlError(`${id}: ${message}`, { code: collectionMissing, exitCode: ExitCode.unreachable });
        throw new Error(message);
      } catch (error) {
        if (error instanceof RagctlError) throw error;
        if (attempt < attempts) continue;
        throw new RagctlError(`${id}: ${(error as Error).message}`, {
          code: "node-unreachable",
          exitCode: ExitCode.unreachable,
          cause: error,
        });
      }
    }
  };
  return {
    of: (id) => ({
      count: (filter) => ask(id, face.prepareCount(filter), (body) => face.parseCount(body)),
      sample: async (limit) =>
        (await ask(id, face.prepareScroll({ limit, withPayload: true }), (body) => face.parseScroll(body))).points,
      searches: () =>
        ask(id, { method: "GET", path: "/metrics", headers: [], kind: "read" }, (body) => searchesIn(body.toString("utf8"))),
    }),
    close: async () => {
      await Promise.all([...pools.values()].map((pool) => pool.close()));
    },
  };
}
