import { applyCommand } from "../shard/apply.ts";

export default applyCommand({
  noun: "rebalance",
  details:
    "First every writer stamps the new cell, and a backfill stamps what nobody has written since; then cells move, group by group: copied, drained, and cut over with a pause " +
    'of writes of about a second. Searches find every point all the while (docs/ROUTING.md, "Change of partitioner"). It is throttled, and pauses by itself while the ' +
    "cluster has enough to do. Ctrl-C stops after the step in flight, a second one at once; either way, and after a crash, --resume goes on.\n\n" +
    "A plan made with --blue-green copies everything into a second collection on the same nodes instead, and switches to it once; the old one is dropped when nobody reads it any more. --abort gives " +
    "the new one up for as long as it is being built.\n\n" +
    'On a native cluster everything is copied into a second collection of the store whose shard keys are the cells, and clients and the alias switch to it once ("Cells of a native cluster").\n\n' +
    "Applications that write to the nodes without ragctl's client must be quiet meanwhile: what they write may be lost.",
});
