import { commands, type ExtensionContext, extensions, window } from "vscode";
import type { ExtensionApi } from "#dist/extension/extension.js";

/** Stands in for a host: its commands save by way of redis-mirrored's three classes, and say what lies in the local store. */
export function activate({ subscriptions }: ExtensionContext): void {
  const offer = (name: string, run: (api: ExtensionApi) => Promise<void>) =>
    subscriptions.push(commands.registerCommand(`e2e.${name}`, async () => run(await mirrored())));
  offer("saveTask", saveTask);
  offer("saveProfile", saveProfile);
  offer("saveInstructions", saveInstructions);
  offer("showLocal", showLocal);
}

async function mirrored(): Promise<ExtensionApi> {
  const extension = extensions.getExtension<ExtensionApi>("redis-mirrored.redis-mirrored");
  return extension!.activate();
}

/** `<id> <what it is about>` */
async function saveTask({ contextProxy }: ExtensionApi): Promise<void> {
  const [id, ...words] = await ask("Which task?");
  const history = contextProxy.get<object[]>("taskHistory") ?? [];
  const item = { id, number: history.length + 1, ts: Date.now(), task: words.join(" ") };
  await contextProxy.update("taskHistory", [...history, { ...item, tokensIn: 1200, tokensOut: 340, totalCost: 0.02 }]);
  void window.showInformationMessage(`Saved the task ${id}`);
}

/** `<name> <key>` */
async function saveProfile({ providerSettings }: ExtensionApi): Promise<void> {
  const [name, apiKey] = await ask("Which profile?");
  await providerSettings.saveProfile(name!, { apiProvider: "anthropic", apiKey });
  void window.showInformationMessage(`Saved the profile ${name}`);
}

async function saveInstructions({ contextProxy }: ExtensionApi): Promise<void> {
  const words = await ask("Which instructions?");
  await contextProxy.update("customInstructions", words.join(" "));
  void window.showInformationMessage("Saved the instructions");
}

async function showLocal({ contextProxy, providerSettings }: ExtensionApi): Promise<void> {
  const tasks = (contextProxy.get<{ id: string }[]>("taskHistory") ?? []).map(({ id }) => id);
  const profiles = (await providerSettings.listProfiles()).map(({ name }) => name);
  const instructions = contextProxy.get<string>("customInstructions") ?? "none";
  const listed = (names: string[]) => (names.length === 0 ? "none" : names.join(" "));
  void window.showInformationMessage(
    `Tasks: ${listed(tasks)}. Profiles: ${listed(profiles)}. Instructions: ${instructions}`,
  );
}

async function ask(prompt: string): Promise<string[]> {
  const typed = await window.showInputBox({ prompt });
  return (typed ?? "").split(" ");
}
