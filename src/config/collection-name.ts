/** What Qdrant refuses in the name of a collection: it becomes the name of a directory, on whatever system the server runs. */
const refused = /[<>:"/\\|?*\p{Cc}]/u;
const maxBytes = 255;

/**
 * What is wrong with a name of a collection, as a sentence without subject; undefined where it can be one. Asked before any
 * request, so that a name which no store would take is told at once, whatever a proxy makes of it in a path.
 */
export function collectionNameProblem(name: string): string | undefined {
  if (name.trim() === "") return "expected the name of a collection, got nothing";
  const bad = refused.exec(name)?.[0];
  if (bad !== undefined)
    return `a collection's name has none of < > : " / \\ | ? * and no control characters; ${JSON.stringify(name)} has ${JSON.stringify(bad)}`;
  if (name === "." || name === "..") return `a collection cannot be called "${name}": in a path it means a folder`;
  const bytes = new TextEncoder().encode(name).length;
  return bytes > maxBytes ? `a collection's name has at most ${maxBytes} bytes, this one has ${bytes}` : undefined;
}

/** The name as it is. @throws Error a plain sentence where no collection can be called that */
export function parseCollectionName(name: string): string {
  const problem = collectionNameProblem(name);
  if (problem !== undefined) throw new Error(problem);
  return name;
}
