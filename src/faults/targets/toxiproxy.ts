import { RagctlError } from "../../errors.ts";
import { realClock } from "../../runtime.ts";
import { ToxiproxyApi } from "../toxiproxy-api.ts";
import { configuredTarget, readyUrlOf } from "./configured.ts";
import type { TargetResolver } from "./index.ts";

/** A proxy of a toxiproxy server that stands before the node. */
export const toxiproxyTarget: TargetResolver = {
  kind: "toxiproxy",
  summary: "a proxy of a toxiproxy server before the node",
  async resolve(_cluster, subject) {
    const configured = configuredTarget(subject, "toxiproxy");
    if (!configured)
      return { impossible: `the config says no toxiproxy for ${subject.id}: \`target: { kind: toxiproxy, api: …, proxy: … }\`` };
    const { api, proxy } = configured;
    try {
      const found = await new ToxiproxyApi(api, proxy).read({ clock: realClock });
      if (!found) return { impossible: `the toxiproxy at ${api} has no proxy "${proxy}"` };
      if (!found.enabled)
        return { impossible: `the proxy "${proxy}" at ${api} is disabled: somebody has cut ${subject.id} off already` };
      const { listen, upstream } = found;
      return { target: { kind: "toxiproxy", node: subject.id, api, proxy, readyUrl: readyUrlOf(subject), listen, upstream } };
    } catch (error) {
      if (!(error instanceof RagctlError)) throw error;
      return { impossible: error.message };
    }
  },
};
