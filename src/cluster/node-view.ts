import { ExitCode, RagctlError } from "../errors.ts";
import type { CallOptions, NodeView } from "./contract.ts";
import type { ClusterDeps } from "./deps.ts";
import type { ClusterNode } from "./node.ts";
import type { DataFace } from "../stores/contract.ts";
import type { PreparedRequest } from "../http/contract.ts";
import { physicalOf, type RoutingTable } from "../sharding/table.ts";
import { recordOf, withStampFields } from "./records.ts";

/**
 * One node asked alone, whatever any table says.
 * @param tableOf that a client knows of a collection: it names the fields of its points
 */
export function nodeView(
  deps: ClusterDeps,
  node: ClusterNode,
  tableOf: (collection: string) => RoutingTable | undefined = () => undefined,
): NodeView {
  const faceFor = (collection: string) => deps.face(physicalOf(tableOf(collection) ?? { collection }));
  const ask = async <T>(
    face: DataFace,
    request: PreparedRequest,
    options: CallOptions,
    parse: (body: Buffer) => T,
  ): Promise<T> => {
    const { timeoutMs = deps.requestTimeoutMs, signal } = options;
    const answer = await deps.nodes.send(node, face, request, { timeoutMs, signal }, []);
    signal?.throwIfAborted();
    if (!answer.failure) return parse(answer.body);
    throw new RagctlError(`Node ${answer.failure.message}`, {
      code: answer.failure.fatal ? "store-refused" : "node-unreachable",
      exitCode: ExitCode.unreachable,
      hint: "ragctl status shows every node.",
    });
  };
  return {
    health: (options = {}) => node.control.health(options),
    async count(collection, filter, options = {}) {
      const face = faceFor(collection);
      return await ask(face, face.prepareCount(filter), options, (body) => face.parseCount(body));
    },
    async fetch(collection, ids, options = {}) {
      const face = faceFor(collection);
      const { withVector = true, ...call } = options;
      const request = face.prepareFetch(ids, {
        withPayload: withVector ? true : withStampFields(false, tableOf(collection)),
        withVector,
      });
      return (await ask(face, request, call, (body) => face.parseFetch(body))).map(recordOf);
    },
  };
}
