import { ExitCode, RagctlError } from "../../errors.ts";
import { LineSocketError } from "../../line-socket.ts";
import { callProxies, ProxyRefusal } from "../../proxy/client.ts";
import type { ProxyRequest } from "../../proxy/contract.ts";
import type { FaultDeps, Link, ProxyTarget } from "../contract.ts";
import { readClusterId } from "../supervisor-socket.ts";

const askTimeoutMs = 3_000;

/** The connections through the fault proxy of an `up` cluster. A proxy that has been started again has no impairments. */
export function proxyLink(target: ProxyTarget): Link {
  const { socket, proxy } = target;
  const ask = (request: ProxyRequest, { signal }: FaultDeps) =>
    callProxies(socket, request, { timeoutMs: askTimeoutMs, ...(signal ? { signal } : {}) });
  return {
    supports({ kind }) {
      if (kind === "wrong-answers" && target.url.startsWith("redis"))
        return `${target.node} answers no searches: there are no hits that could be wrong`;
      return true;
    },

    async add(impairment, deps) {
      try {
        await ask({ op: "add", proxy, impairment }, deps);
      } catch (error) {
        throw asRefusal(error, target) ?? error;
      }
    },

    async remove(id, deps) {
      if (!remains(target)) return;
      try {
        await ask({ op: "remove", proxy, id }, deps);
      } catch (error) {
        if (!isGone(error)) throw asRefusal(error, target) ?? error;
      }
    },

    async has(id, deps) {
      if (!remains(target)) return false;
      try {
        const { proxies } = await ask({ op: "status" }, deps);
        return proxies.some(({ name, impairments }) => name === proxy && impairments.some((each) => each.id === id));
      } catch (error) {
        if (isGone(error)) return false;
        if (error instanceof LineSocketError) return "unknown";
        throw error;
      }
    },
  };
}

/** A cluster that was deleted, with or without another one in its place, has nothing to heal. */
function remains({ dir, clusterId }: ProxyTarget): boolean {
  return readClusterId(dir) === clusterId;
}

/** Where no proxy runs, nothing is impaired: its impairments live in its memory alone. */
function isGone(error: unknown): boolean {
  if (error instanceof ProxyRefusal) return error.code === "unknown-proxy";
  return error instanceof LineSocketError && error.reason === "absent";
}

function asRefusal(error: unknown, { node }: ProxyTarget): RagctlError | undefined {
  if (!(error instanceof LineSocketError) && !(error instanceof ProxyRefusal)) return undefined;
  return new RagctlError(`the fault proxy before ${node} cannot be used: ${error.message}`, {
    code: "target-unreachable",
    exitCode: ExitCode.unreachable,
    hint: "ragctl up brings it back",
    cause: error,
  });
}
