import { exitCodeMeanings } from "../src/errors.ts";
import { globalOptions } from "./command-line.ts";
import { commands, groups } from "./index.ts";

/** `ragctl --help`, or the help of one noun. Made without commander, so that it is there at once. */
export function overview(group: string | undefined, columns: number): string {
  const width = Math.min(columns, 100);
  const all = Object.entries(commands).map(([name, { summary }]): [string, string] => [name, summary]);
  const mine = group === undefined ? all : all.filter(([name]) => name.startsWith(`${group} `));
  const intro =
    group === undefined
      ? "Plan, move, warm, break and measure the clusters that answer RAG queries."
      : `${capital(groups[group] ?? "")}.`;
  const sections = [
    `Usage: ragctl ${group ?? ""}${group === undefined ? "COMMAND" : " COMMAND"} [options]\n\n${intro}`,
    `Commands:\n${definitions(mine, width)}`,
    ...(group === undefined
      ? [
          `Global options:\n${definitions([...globalOptions, ["-h, --help", "this, or with a command its own"], ["--version", "the version"]], width)}`,
          `Exit codes:\n${definitions(
            Object.entries(exitCodeMeanings).map(([code, meaning]) => [code.padStart(3), meaning]),
            width,
          )}`,
        ]
      : []),
    "Every command explains itself: ragctl COMMAND --help",
  ];
  return `${sections.join("\n\n")}\n`;
}

/** Terms and what they mean, the meanings in a column of their own. */
function definitions(pairs: readonly (readonly [string, string])[], width: number): string {
  const indent = 2 + Math.max(...pairs.map(([term]) => term.length)) + 2;
  return pairs.map(([term, meaning]) => `  ${term.padEnd(indent - 2)}${fold(meaning, width, indent)}`).join("\n");
}

function fold(text: string, width: number, indent: number): string {
  const lines = [""];
  for (const word of text.split(" ")) {
    const line = lines.at(-1)!;
    const longer = line === "" ? word : `${line} ${word}`;
    if (line !== "" && indent + longer.length > width) lines.push(word);
    else lines[lines.length - 1] = longer;
  }
  return lines.join(`\n${" ".repeat(indent)}`);
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}
