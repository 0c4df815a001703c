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
  const question = `${style.warn("protected:")} ${what} on cluster ${style.bold(cluster.name)}. Type its name to go on: `;
  const answer = given ?? (globals.input ? await askLine(runtime, question) : undefined);
  if (answer === cluster.name) return;
  throw new RagctlError(
    answer === undefined
      ? `cluster ${cluster.name} is protected: ${what} wants its name, and there is nobody to ask`
      : `cluster ${cluster.name} is protected, and "${answer}" is not its name: nothing was done`,
    { code: "protected-cluster", exitCode: ExitCode.refused, hint: `--confirm ${cluster.name} says that you mean it` },
  );
}

/**
 * Asks before something severe: by its name on a protected cluster, else by yes or no, which `--yes` answers beforehand.
 * @param what what would happen, as the question begins: `moving 20,000 points`
 * @param given the cluster's name, where `--confirm` gave it
 * @throws RagctlError exit 7 when it cannot ask, or the answer is no
 */
export async function confirmSevere(
  context: CommandContext,
  cluster: Pick<ClusterConfig, "name" | "protected">,
  what: string,
  given: string | undefined,
): Promise<void> {
  const { runtime, globals, style } = context;
  if (cluster.protected) return await confirmProtected(context, cluster, what, given);
  if (globals.yes || given === cluster.name) return;
  if (!globals.input)
    throw new RagctlError(`${what} on cluster ${cluster.name} wants a yes, and there is nobody to ask`, {
      code: "confirmation-missing",
      exitCode: ExitCode.refused,
      hint: "--yes says that you mean it",
    });
  const answer = await askLine(runtime, `${what} on cluster ${style.bold(cluster.name)}. Go on? [y/N] `);
  if (/^y(es)?$/i.test(answer)) return;
  throw new RagctlError("not confirmed: nothing was done", { code: "not-confirmed", exitCode: ExitCode.refused });
}

/**
 * Asks for a yes, and then for the cluster's name, before what nobody can undo.
 * @param given the name, where `--confirm` gave it; `--yes` alone is not enough
 * @throws RagctlError exit 7 when it cannot ask, or an answer is another
 */
export async function confirmTwice(
  context: CommandContext,
  cluster: Pick<ClusterConfig, "name">,
  what: string,
  given: string | undefined,
): Promise<void> {
  await confirmSevere(context, { name: cluster.name, protected: false }, what, undefined);
  const { runtime, globals, style } = context;
  const question = `Sure? Type the name of the cluster, ${style.bold(cluster.name)}, to go on: `;
  const answer = given ?? (globals.input ? await askLine(runtime, question) : undefined);
  if (answer === cluster.name) return;
  throw new RagctlError(
    answer === undefined
      ? `${what} on cluster ${cluster.name} is asked for twice, and there is nobody to ask`
      : `"${answer}" is not ${cluster.name}: nothing was done`,
    {
      code: answer === undefined ? "confirmation-missing" : "not-confirmed",
      exitCode: ExitCode.refused,
      hint: `--yes --confirm ${cluster.name} says that you mean it`,
    },
  );
}

async function askLine(runtime: CommandContext["runtime"], question: string): Promise<string> {
  runtime.stderr.write(question);
  const lines = createInterface({ input: runtime.stdin.stream });
  try {
    return (await lines.question("", { signal: runtime.signal })).trim();
  } finally {
    lines.close();
  }
}
