import type { AliasAction, StoreControl } from "../../stores/contract.ts";

/**
 * Gives what a new collection replaces its other names, too: applications may read by an alias of their own, and the store forgets aliases with
 * their collection. In one action of the store, before the old one is dropped; harmless where they have been given already.
 * @param name the collection's own, which is given apart from these
 */
export async function moveAliases(
  control: Pick<StoreControl, "listAliases" | "updateAliases">,
  { name, from, to }: { name: string; from: string; to: string },
): Promise<void> {
  const others = (await control.listAliases()).filter(({ alias, collection }) => collection === from && alias !== name);
  const actions = others.flatMap(({ alias }): AliasAction[] => [{ delete: { alias } }, { create: { alias, collection: to } }]);
  if (actions.length > 0) await control.updateAliases(actions);
}
