// A host whose disk is full, and whose callers do not wait: `node full-disk.js MIRROR ANSWERS` prints how many
// unhandled rejections there were, and of what.
import { type MirrorOptions, TOKENS, type Mirror } from "redis-mirrored";
import { FakeGateway } from "../support/fake-gateway.js";
import { KEY, SILENT } from "../support/mirrors.js";
import { Machine } from "./machine.js";
import * as roo325 from "./roo-325/extension.js";
import * as roo352 from "./roo-352/extension.js";
import { task } from "./tasks.js";

const [mirrored, answers] = process.argv.slice(2);
const unhandled: string[] = [];
process.on("unhandledRejection", (reason) => void unhandled.push((reason as Error).message));

const options: MirrorOptions = { keys: [KEY], env: { ROO_USER_ID: "alice" }, logger: SILENT };

async function open<Host>(
  extension: { activate(...args: any[]): Promise<Host>; open(...args: any[]): Promise<Host> },
  machine: Machine,
): Promise<Host> {
  const context = machine.start();
  if (mirrored === "none") return extension.open(context);
  const activating = extension.activate(context, options);
  const gateway = new FakeGateway();
  if (mirrored === "dead") gateway.alwaysDown();
  (context.subscriptions[0] as Mirror).container.rebind(TOKENS.RedisGateway).toConstantValue(gateway);
  return activating;
}

const machine = new Machine();
machine.answersWith = answers === "promises" ? "promises" : "thenables";
machine.isFull = true;
const one = await open(roo325, machine);
void one.contextProxy.setValue("customInstructions", "new");
void one.contextProxy.setValues({ customInstructions: "new", mode: "ask" });
one.provider.handleModeSwitch(task("a", 1), "ask");
void one.provider.providerSettingsManager.saveConfig("work", {});
void one.contextProxy.resetAllState();
const many = await open(roo352, machine);
void many.contextProxy.setValue("customInstructions", "new");
process.on("exit", () => console.log(JSON.stringify(unhandled.toSorted())));
setTimeout(() => process.exit(), 300);
