import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { expect } from "chai";
import { createMirror, type Mirror } from "redis-mirrored";
import { contribute } from "#dist/extension/contributions.js";
import { MirrorLog } from "#dist/extension/mirror-log.js";
import type { HostContext } from "#dist/extension/roo-types.js";
import type { LocalStores } from "#dist/extension/stores.js";
import { hostSettingName } from "#dist/settings/host-settings.js";
import { CHINESE } from "../support/chinese.js";
import { ROOT } from "../support/document.js";
import { FakeSecrets } from "../support/fake-secrets.js";
import { FakeWindow } from "../support/fake-window.js";
import { SILENT } from "../support/mirrors.js";
import { translatedTexts, wordsIn } from "../support/translated-texts.js";

interface Item {
  command: string;
  when?: string;
}

interface Manifest {
  name: string;
  publisher: string;
  files: string[];
  l10n: string;
  contributes: {
    configuration: {
      properties: Record<string, { scope: string; default: unknown; enum?: string[]; enumDescriptions?: string[] }>;
    };
    commands: { command: string; title: string; category: string; enablement?: string }[];
    menus: Record<string, Item[]>;
    views: Record<string, { id: string }[]>;
    viewsContainers: { activitybar: { id: string; icon: string }[] };
    viewsWelcome: { view: string; contents: string }[];
    walkthroughs: { id: string; steps: { id: string; media: { svg: string }; completionEvents: string[] }[] }[];
  };
}

function read(path: string): string {
  return readFileSync(join(ROOT, path), "utf8");
}

const manifest = JSON.parse(read("package.json")) as Manifest;
const { contributes } = manifest;
const texts = (language: string) => JSON.parse(read(`package.nls${language}.json`)) as Record<string, string>;

/** The ids of commands that a text leads to. */
function commandsIn(text: string): string[] {
  return [...text.matchAll(/command:(redisMirrored\.\w+)/g)].map(([, command]) => command!);
}

describe("the manifest of the extension", () => {
  const contributed = contributes.commands.map(({ command }) => command);

  /** A window in which everything is contributed. */
  function openWindow(mirror?: Mirror): { window: FakeWindow; context: HostContext; log: MirrorLog } {
    const window = new FakeWindow();
    const context = { secrets: new FakeSecrets(), subscriptions: [] } as unknown as HostContext;
    const log = new MirrorLog(window);
    contribute({ context, window, mirror, stores: {} as LocalStores, log, options: {} });
    return { window, context, log };
  }

  it("names each command that there is, and no other", () => {
    const { window, context } = openWindow();
    expect([...window.commands.keys()]).to.have.members(contributed);
    for (const subscription of context.subscriptions) subscription.dispose();
    expect(window.commands.size).to.equal(0);
  });

  it("declares each setting that is read, and no other", () => {
    const { window, context, log } = openWindow();
    createMirror({ settings: window.settings, env: {}, logger: SILENT });
    log.info("a line");
    for (const subscription of context.subscriptions) subscription.dispose();
    const read = [...window.settings.read].map(hostSettingName);
    expect(Object.keys(contributes.configuration.properties)).to.have.members(read);
  });

  it("lets no workspace say where anything is sent", () => {
    const scopes = Object.values(contributes.configuration.properties).map(({ scope }) => scope);
    expect(new Set(scopes)).to.deep.equal(new Set(["machine"]));
  });

  it("describes each word that a setting may be", () => {
    for (const property of Object.values(contributes.configuration.properties)) {
      expect(property.enumDescriptions?.length).to.equal(property.enum?.length);
      if (property.enum !== undefined) expect(property.enum).to.include(property.default);
    }
  });

  it("leads only to commands, views and files that there are", () => {
    const items = Object.values(contributes.menus).flat();
    const led = Object.values(texts("")).flatMap(commandsIn);
    const completing = contributes.walkthroughs[0]!.steps.flatMap(({ completionEvents }) => completionEvents);
    const named = completing.filter((event) => event.startsWith("onCommand:")).map((event) => event.slice(10));
    expect(contributed).to.include.members([...items.map(({ command }) => command), ...led, ...named]);
    const set = completing.filter((event) => event.startsWith("onSettingChanged:")).map((event) => event.slice(17));
    expect(contributes.configuration.properties).to.include.keys(set);

    const views = Object.values(contributes.views).flat();
    expect(views.map(({ id }) => id)).to.deep.equal(["redisMirrored.records"]);
    for (const { view } of contributes.viewsWelcome) expect(view).to.equal("redisMirrored.records");
    const media = contributes.walkthroughs[0]!.steps.map((step) => step.media.svg);
    for (const file of [...media, contributes.viewsContainers.activitybar[0]!.icon]) {
      expect(existsSync(join(ROOT, file)), file).to.equal(true);
      expect(manifest.files).to.include(file.split("/")[0]);
    }
    expect(manifest.files).to.include(manifest.l10n.replace("./", ""));
  });

  it("keeps what nobody calls by its name out of the palette", () => {
    const hidden = contributes.menus["commandPalette"]!.filter(({ when }) => when === "false");
    expect(hidden.map(({ command }) => command)).to.have.members(
      ["showMenu", "preview", "refreshRecords"].map(hostSettingName),
    );
  });

  it("asks only for states that the status bar tells of", () => {
    const conditions = JSON.stringify(contributes).matchAll(/redisMirrored\.state [!=]= (\w+)/g);
    const states = [...new Set([...conditions].map(([, state]) => state))];
    expect(["inSync", "syncing", "degraded", "disabled", "misconfigured"]).to.include.members(states);
  });

  for (const language of ["", ".zh-cn"]) {
    it(`has each text of it in ${language === "" ? "English" : "Chinese"}, and no other`, () => {
      const named = [...JSON.stringify(contributes).matchAll(/"%([^%"]+)%"/g)].map(([, name]) => name!);
      expect(Object.keys(texts(language))).to.have.members([...new Set(named)]);
      for (const [name, text] of Object.entries(texts(language))) expect(text.trim(), name).not.to.equal("");
    });
  }

  it("leads to the same places in both languages", () => {
    const chinese = texts(".zh-cn");
    for (const [name, text] of Object.entries(texts("")))
      expect(commandsIn(chinese[name]!), name).to.deep.equal(commandsIn(text));
  });

  it("opens the walkthrough that it contributes", async () => {
    const { window, context } = openWindow();
    await window.run("redisMirrored.openWalkthrough");
    const id = `${manifest.publisher}.${manifest.name}#${contributes.walkthroughs[0]!.id}`;
    expect(window.executed).to.deep.equal([["workbench.action.openWalkthrough", id, false]]);
    for (const subscription of context.subscriptions) subscription.dispose();
  });
});

describe("the texts that users see", () => {
  const said = [...translatedTexts("src/extension"), ...wordsIn("src/doctor")];
  const placeholders = (text: string) => [...text.matchAll(/\{(\w+)\}/g)].map(([, name]) => name!).sort();

  it("are all literals, so that they can be translated", () => {
    expect(said.length).to.be.greaterThan(300);
    expect(said.filter(({ text }) => text === undefined)).to.deep.equal([]);
  });

  it("are all there in Chinese, and no other is", () => {
    const texts = [...new Set(said.map(({ text }) => text!))];
    expect(Object.keys(CHINESE)).to.have.members(texts);
    for (const [text, translation] of Object.entries(CHINESE)) expect(translation.trim(), text).not.to.equal("");
  });

  it("have the same places for values in both languages, and are given these", () => {
    for (const [text, translation] of Object.entries(CHINESE))
      expect(placeholders(translation), text).to.deep.equal(placeholders(text));
    for (const { text, values, file, line } of said)
      expect([...values].sort(), `${file}:${line}`).to.deep.equal([...new Set(placeholders(text!))]);
  });
});
