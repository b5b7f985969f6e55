// The page of the log: its newest checkpoint, checked by the reader's browser.

import { readFrom, TileTree, verifyCheckpoint } from "./verify_log.js";
import { knownGrowth, knownKeys, Panel, say } from "./verify_panel.js";

const facts = document.getElementById("log-facts").dataset;
const panel = new Panel(document.querySelector("[data-checks]"));
const read = readFrom(facts.log);

const keys = await knownKeys(panel, facts.keys);
const checkpoint =
  keys &&
  (await panel.run("signature", async () => {
    const value = await verifyCheckpoint(await read("checkpoint"), keys);
    return { detail: say(`signature.${value.by}`, { size: value.size }), value };
  }));
if (checkpoint) {
  await knownGrowth(panel, checkpoint, new TileTree(checkpoint.size, read), facts.keys);
} else {
  for (const step of ["signature", "memory"]) {
    if (!panel.states.has(step)) panel.skip(step, "after-failure");
  }
}
panel.conclude(say("subject.head"));
