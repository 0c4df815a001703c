import { commands, groups } from "./index.ts";

export type CommandName = keyof typeof commands;

/** The options that every command takes: as commander writes them, and what they do. */
export const globalOptions: readonly (readonly [flags: string, description: string])[] = [
  ["--config <file>", "config file (default: found from here upwards)"],
  ["--cluster <name>", "cluster of the config (default: its default)"],
  ["--json", "print one JSON document on stdout"],
  ["--quiet", "no progress and no notes on stderr"],
  ["-y, --yes", "answer yes where a plain yes is asked for"],
  ["--no-input", "never ask; fail instead"],
  ["--no-color", "no colour, whatever the terminal"],
  ["--verbose", "say more on stderr"],
];

const globalWords = new Set(globalOptions.flatMap(([flags]) => flags.replace(/ <.*/, "").split(", ")));
const globalsWithValue = new Set(["--config", "--cluster"]);

/** What a command line asks for, as far as it can be told before the command is loaded. */
export type CommandLine =
  | { kind: "command"; name: CommandName; rest: string[] }
  | { kind: "help"; group: string | undefined }
  | { kind: "version" }
  | { kind: "nothing" }
  | { kind: "incomplete"; group: string }
  | { kind: "unknown"; words: string };

/**
 * Finds the command's name among the arguments; global flags may stand before, within and after it. `help X` is
 * `X --help`. `rest` is everything but the name.
 */
export function readCommandLine(argv: readonly string[]): CommandLine {
  const found = leadingWords(argv);
  const isHelp = found.words[0]?.text === "help";
  const words = isHelp ? found.words.slice(1) : found.words;
  const wantsHelp = isHelp || found.flags.has("--help") || found.flags.has("-h");
  for (let length = words.length; length > 0; length--) {
    const name = spell(words.slice(0, length));
    if (!Object.hasOwn(commands, name)) continue;
    const used = new Set([...found.words.slice(0, isHelp ? 1 : 0), ...words.slice(0, length)].map(({ index }) => index));
    const rest = argv.filter((_, index) => !used.has(index));
    return { kind: "command", name: name as CommandName, rest: isHelp ? ["--help", ...rest] : rest };
  }
  const [first] = words;
  if (first === undefined) {
    if (wantsHelp) return { kind: "help", group: undefined };
    return { kind: found.flags.has("--version") ? "version" : "nothing" };
  }
  const isGroup = Object.hasOwn(groups, first.text);
  if (isGroup && words.length === 1)
    return wantsHelp ? { kind: "help", group: first.text } : { kind: "incomplete", group: first.text };
  return { kind: "unknown", words: spell(words.slice(0, isGroup ? 2 : 1)) };
}

/** The words before the first flag that is not a global one, and the flags among them. */
function leadingWords(argv: readonly string[]): { words: { text: string; index: number }[]; flags: Set<string> } {
  const words: { text: string; index: number }[] = [];
  const flags = new Set<string>();
  for (let index = 0; index < argv.length; index++) {
    const text = argv[index]!;
    if (text === "--") break;
    if (!text.startsWith("-")) words.push({ text, index });
    else if (globalsWithValue.has(text)) index++;
    else if (globalWords.has(text.replace(/=.*/s, ""))) continue;
    else if (words.length > 0 && !isAsking(text)) break;
    else flags.add(text);
  }
  return { words, flags };
}

function isAsking(text: string): boolean {
  return text === "--help" || text === "-h";
}

function spell(words: readonly { text: string }[]): string {
  return words.map(({ text }) => text).join(" ");
}
