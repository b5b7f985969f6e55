// The page of one entry: that the bytes shown are in the log under its signed checkpoint.

import { Failure, NotCheckable, TileTree, equal, leafHash, readFrom, rootFromInclusion } from "./verify_log.js";
import { verifyCheckpoint, verifyReceipt } from "./verify_log.js";
import { knownGrowth, knownKeys, Panel, say } from "./verify_panel.js";

const facts = document.getElementById("log-facts").dataset;
const panel = new Panel(document.querySelector("[data-checks]"));
const read = readFrom(facts.log);
const index = Number(facts.index);
const entry = Uint8Array.from(facts.entry.match(/../g) ?? [], (pair) => parseInt(pair, 16));

async function checkAll() {
  const keys = await knownKeys(panel, facts.keys);
  if (!keys) return;
  const checkpoint = await panel.run("signature", async () => {
    const value = await verifyCheckpoint(await read("checkpoint"), keys);
    return { detail: say(`signature.${value.by}`, { size: value.size }), value };
  });
  if (!checkpoint) return;
  const tree = new TileTree(checkpoint.size, read);
  if (index < checkpoint.size) {
    await panel.run("bytes", async () => {
      if (!equal(await tree.entry(index), entry)) throw new Failure("bytes-differ");
      return { detail: say("bytes.same", { count: entry.length }) };
    });
    await panel.run("inclusion", async () => {
      const path = await tree.inclusionPath(index);
      const root = rootFromInclusion(leafHash(entry), index, checkpoint.size, path);
      if (!equal(root, checkpoint.root)) throw new Failure("not-included", String(index));
      return { detail: say("inclusion.path", { hashes: path.length, size: checkpoint.size }) };
    });
  } else {
    // The newest checkpoint that is published may be older than the entry (witnesses follow).
    panel.skip("bytes", "code.not-yet-published");
    panel.skip("inclusion", "code.not-yet-published");
  }
  await panel.run("receipt", async () => {
    const response = await fetch(facts.receipt);
    if (!response.ok) throw new NotCheckable("no-receipt");
    const found = await verifyReceipt(new Uint8Array(await response.arrayBuffer()), entry, keys);
    if (found.index !== index) throw new Failure("not-included", `${found.index}`);
    return { detail: say("receipt.signed", { size: found.size }) };
  });
  await knownGrowth(panel, checkpoint, tree, facts.keys);
}

await checkAll();
for (const step of ["signature", "bytes", "inclusion", "receipt", "memory"]) {
  if (!panel.states.has(step)) panel.skip(step, "after-failure");
}
panel.conclude(say("subject.entry", { index }));
