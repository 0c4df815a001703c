import type { QdrantClient } from "@qdrant/js-client-rest";
import { undiciOptions } from "../../http/pool.ts";
import type { NodeEndpoint } from "../contract.ts";
import { connectionOptions } from "../endpoint.ts";
import { controlError } from "./control-error.ts";

type Api = ReturnType<QdrantClient["api"]>;
/** The second argument of each of the API's functions: a fetch init. */
type Init = Parameters<Api["getCollections"]>[1];

export interface ControlClient {
  /**
   * One call of the generated API; `use` passes `init` on to it.
   * @throws RagctlError exit 3 with a sentence; the signal's reason when it aborts
   */
  call<T>(use: (api: Api, init: Init) => Promise<T>, options?: { timeoutMs?: number; signal?: AbortSignal }): Promise<T>;
}

const defaultTimeoutMs = 5_000;
/** Control calls are few. */
const connections = 4;

/**
 * The official client, led over connections of our own. Its constructor takes neither an authority nor a client certificate,
 * but each function of `api()` takes a fetch init, and with it an undici dispatcher. Node's `fetch` has an undici of its
 * own, of another version for each Node, hence the wrapper.
 *
 * Other ways of the client that matter here: without a port it would speak to 6333, where ragctl means what the URL says; an
 * `apiKey` over plain HTTP makes it write to the console, so that the key goes in as a header; and its own timeout replaces
 * the caller's signal, so that it is switched off and both are combined here.
 */
export async function controlClient(node: NodeEndpoint, headers: Record<string, string>): Promise<ControlClient> {
  const [{ QdrantClient }, { Dispatcher1Wrapper, Pool }] = await Promise.all([
    import("@qdrant/js-client-rest"),
    import("undici"),
  ]);
  const url = new URL(node.url);
  const prefix = url.pathname.replace(/\/+$/, "");
  const client = new QdrantClient({
    url: url.origin,
    port: url.protocol === "https:" ? 443 : 80,
    ...(prefix !== "" && { prefix }),
    headers,
    timeout: Infinity,
    checkCompatibility: false,
  });
  const dispatcher = new Dispatcher1Wrapper(new Pool(url.origin, undiciOptions({ connections, ...connectionOptions(node) })));
  return {
    async call(use, { timeoutMs = node.timeoutMs ?? defaultTimeoutMs, signal } = {}) {
      const timeout = AbortSignal.timeout(timeoutMs);
      try {
        return await use(client.api(), {
          dispatcher,
          signal: signal ? AbortSignal.any([timeout, signal]) : timeout,
        });
      } catch (error) {
        signal?.throwIfAborted();
        throw controlError(node, error, timeout.aborted ? timeoutMs : undefined);
      }
    },
  };
}
