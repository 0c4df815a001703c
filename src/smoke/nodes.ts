import type { ClusterClient } from "../cluster/contract.ts";
import { ExitCode, RagctlError } from "../errors.ts";
import { formatDurationUs } from "../units.ts";

const timeoutMs = 2000;

/** Asks every node for a sign of life, all at once. @throws RagctlError exit 3 naming each one that gave none */
export async function checkNodes(client: ClusterClient, signal: AbortSignal): Promise<string> {
  const { nodes } = client.cluster;
  const answers = await Promise.all(
    nodes.map(async ({ id, url }) => {
      try {
        return { id, url, health: await client.onNode(id).health({ timeoutMs, signal }) };
      } catch (error) {
        if (!(error instanceof RagctlError)) throw error;
        return { id, url, health: { ok: false, problem: error.message } };
      }
    }),
  );
  const silent = answers.filter(({ health }) => !health.ok);
  if (silent.length > 0)
    throw new RagctlError(
      silent
        .map(({ id, url, health: { problem = "it does not answer" } }) =>
          problem.includes(url) ? problem : `${id} (${url}): ${problem}`,
        )
        .join("; "),
      { code: "smoke-nodes", exitCode: ExitCode.unreachable, hint: "ragctl status shows every node" },
    );
  const slowestUs = Math.max(...answers.map(({ health }) => ("latencyUs" in health ? (health.latencyUs ?? 0) : 0)));
  const versions = [...new Set(answers.map(({ health }) => ("version" in health ? health.version : undefined)))].filter(Boolean);
  const which = versions.length > 0 ? `, version ${versions.join(" and ")}` : "";
  return `${nodes.length === 1 ? "1 node answers" : `all ${nodes.length} nodes answer`} within ${formatDurationUs(slowestUs)}${which}`;
}
