import { createInterface } from "node:readline/promises";
import type { ClusterConfig } from "../src/config/schema.ts";
import { ExitCode, RagctlError } from "../src/errors.ts";
import type { CommandContext } from "./define.ts";

/**
 * Asks for a protected cluster's name before something that could hurt it. `--yes` is not enough: the name is the point.
 * @param what what would happen, as the question begins: `load of 500/s`
 * @param given the name, where a flag already gave it
 * @throws RagctlError exit 7 when it cannot ask, or the answer is another
 */
export async function confirmProtected(
  { runtime, globals, style }: CommandContext,
  cluster: Pick<ClusterConfig, "name">,
  what: string,
  given: string | undefined,
): Promise<void> {
  const answer = given ?? (globals.input ? await ask() : undefined);
  if (answer === cluster.name) return;
  throw new RagctlError(
    answer === undefined
      ? `cluster ${cluster.name} is protected: ${what} wants its name, and there is nobody to ask`
      : `cluster ${cluster.name} is protected, and "${answer}" is not its name: nothing was done`,
    { code: "protected-cluster", exitCode: ExitCode.refused, hint: `--confirm ${cluster.name} says that you mean it` },
  );

  async function ask(): Promise<string> {
    runtime.stderr.write(`${style.warn("protected:")} ${what} on cluster ${style.bold(cluster.name)}. Type its name to go on: `);
    const lines = createInterface({ input: runtime.stdin.stream });
    try {
      return (await lines.question("", { signal: runtime.signal })).trim();
    } finally {
      lines.close();
    }
  }
}
