import { expect } from "chai";
import type * as VsCode from "vscode";
import { VsCodeDocuments } from "#dist/extension/vscode/vscode-documents.js";
import { openVsCodeLog } from "#dist/extension/vscode/vscode-log.js";
import { VsCodeSettings } from "#dist/extension/vscode/vscode-settings.js";
import { openVsCodeStatusItem } from "#dist/extension/vscode/vscode-status-item.js";
import { VsCodeWindow } from "#dist/extension/vscode-window.js";
import { VsCodeTree } from "#dist/extension/vscode/vscode-tree.js";

/** As much of VS Code's module as a part asks for. */
const vscode = (parts: object) => parts as unknown as typeof VsCode;

class FakeMarkdown {
  readonly parts: (readonly [kind: string, text: string])[] = [];
  isTrusted: unknown;
  supportHtml: unknown;
  readonly value: string | undefined;
  readonly supportThemeIcons: boolean;
  constructor(value: string | undefined, supportThemeIcons: boolean) {
    this.value = value;
    this.supportThemeIcons = supportThemeIcons;
  }
  appendMarkdown(text: string): this {
    this.parts.push(["markdown", text]);
    return this;
  }
}

class Named {
  readonly name: string;
  constructor(name: string) {
    this.name = name;
  }
}

describe("VS Code's window", () => {
  it("shows what a server said as text, which means nothing: no link, no command, no icon", () => {
    const item = { show: () => {} } as unknown as VsCode.StatusBarItem;
    const shown = openVsCodeStatusItem(
      vscode({
        window: { createStatusBarItem: () => item },
        StatusBarAlignment: { Right: 2 },
        ThemeColor: Named,
        MarkdownString: FakeMarkdown,
      }),
      "redisMirrored.showMenu",
    );
    const hostile = "[Click](command:workbench.action.quit) $(flame) <b> `a` *b*\n# c https://a.example";
    shown.show({
      icon: "warning",
      text: "Redis Mirror",
      severity: "warning",
      tooltip: ["Heading", hostile],
      label: "L",
    });
    const tooltip = item.tooltip as unknown as FakeMarkdown;
    expect(tooltip).to.include({ isTrusted: false, supportHtml: false, supportThemeIcons: false, value: undefined });
    expect(tooltip.parts.map(([, text]) => text).join("")).to.equal(
      String.raw`**Heading**${"\n\n"}\[Click\]\(command\:workbench\.action\.quit\) \$\(flame\) \<b\> ${"\\`a\\`"} \*b\* \# c https\:\/\/a\.example`,
    );
    expect(item).to.deep.include({
      text: "$(warning) Redis Mirror",
      command: "redisMirrored.showMenu",
      name: "Redis Mirror",
      backgroundColor: new Named("statusBarItem.warningBackground"),
      accessibilityInformation: { label: "L", role: "button" },
    });
    shown.show({ icon: "check", text: "Redis Mirror", severity: "none", tooltip: ["Heading"], label: "L" });
    expect(item.backgroundColor).to.equal(undefined);
  });

  it("makes no link of what a server said in a message", async () => {
    const said: unknown[] = [];
    const say = async (...args: unknown[]) => void said.push(args);
    const window = new VsCodeWindow(
      vscode({ window: { showInformationMessage: say, showWarningMessage: say, showErrorMessage: say } }),
    );
    const hostile = "[Click](command:workbench.action.quit)";
    window.inform(hostile);
    window.warn(hostile);
    await window.offer(hostile, "info", ["Act"]);
    await window.offer(hostile, "warning", ["Act"]);
    await window.offer(hostile, "error", ["Act"]);
    await window.confirm(hostile, hostile, "Act");
    expect(said).to.have.lengthOf(6);
    expect(JSON.stringify(said)).to.contain("[Click] (");
    expect(JSON.stringify(said)).not.to.contain("](");
  });

  describe("that does not do what nobody waits for", () => {
    const failures: Record<string, () => unknown> = {
      throws: () => {
        throw new Error("the window is gone");
      },
      rejects: () => Promise.reject(new Error("Canceled")),
      "rejects by a promise of its own": () => ({
        then: (_resolve: unknown, reject: (error: Error) => void) => reject(new Error("Canceled")),
      }),
    };
    for (const [title, failing] of Object.entries(failures)) {
      it(`and ${title} makes no rejection that nobody handles`, async () => {
        let asked = 0;
        const fail = () => (asked++, failing());
        const module = vscode({
          window: { showInformationMessage: fail, showWarningMessage: fail },
          commands: { executeCommand: fail },
        });
        const window = new VsCodeWindow(module);
        window.inform("text");
        window.warn("text");
        window.setContext("redisMirrored.state", "inSync");
        window.settings.open("redisMirrored");
        await window.execute("redisMirrored.showLog");
        // Node tells of a rejection after the turn in which nobody took it.
        await new Promise((resolve) => setImmediate(resolve));
        expect(asked).to.equal(5);
      });
    }
  });

  it("offers a command before there is what it does: whoever calls it waits, and a second registration is not made", async () => {
    const registered = new Map<string, (target?: unknown) => Promise<void>>();
    const registerCommand = (name: string, run: (target?: unknown) => Promise<void>) => {
      registered.set(name, run);
      return { dispose: () => registered.delete(name) };
    };
    const window = new VsCodeWindow(vscode({ commands: { registerCommand } }));
    window.announce(["redisMirrored.restore"]);
    const calls: unknown[] = [];
    const called = registered.get("redisMirrored.restore")!("a line");
    const offered = registered.get("redisMirrored.restore");
    window.register("redisMirrored.restore", async (target) => void calls.push(target));
    await called;
    expect(calls).to.deep.equal(["a line"]);
    expect(registered.get("redisMirrored.restore")).to.equal(offered);
    window.dispose();
    expect(registered.size).to.equal(0);
  });

  it("counts only what the user has set for all windows: no default, and nothing of a workspace", () => {
    const inspected = { defaultValue: "default", workspaceValue: "workspace", workspaceFolderValue: "folder" };
    const settings = (globalValue?: unknown) =>
      new VsCodeSettings(
        vscode({ workspace: { getConfiguration: () => ({ inspect: () => ({ ...inspected, globalValue }) }) } }),
      );
    expect(settings().given("host")).to.equal(undefined);
    expect(settings("redis.example").given("host")).to.equal("redis.example");
  });

  it("asks VS Code once for what is read in one go, and again afterwards", async () => {
    let [asked, host] = [0, "first"];
    const getConfiguration = () => {
      const globalValue = host;
      asked++;
      return { inspect: () => ({ globalValue }) };
    };
    const settings = new VsCodeSettings(vscode({ workspace: { getConfiguration } }));
    expect([settings.given("host"), settings.given("port"), asked]).to.deep.equal(["first", "first", 1]);
    await Promise.resolve();
    host = "second";
    expect(settings.given("host")).to.equal("second");
  });

  it("sets for all windows, and tells only of changes of ours", async () => {
    const updated: unknown[] = [];
    let tell!: (event: { affectsConfiguration(section: string): boolean }) => void;
    const settings = new VsCodeSettings(
      vscode({
        ConfigurationTarget: { Global: 1 },
        workspace: {
          getConfiguration: (section: string) => ({
            update: async (...args: unknown[]) => updated.push([section, ...args]),
          }),
          onDidChangeConfiguration: (listener: typeof tell) => ((tell = listener), { dispose: () => {} }),
        },
      }),
    );
    await settings.update("enabled", false);
    expect(updated).to.deep.equal([["redisMirrored", "enabled", false, 1]]);
    let told = 0;
    settings.onDidChange(() => void told++);
    tell({ affectsConfiguration: (section) => section === "redisMirrored" });
    tell({ affectsConfiguration: () => false });
    expect(told).to.equal(1);
  });

  it("shows debug lines that our setting lets through, whatever level VS Code has for the channel", () => {
    const lines: string[] = [];
    const channel = {
      logLevel: 3,
      debug: (line: string) => lines.push(`debug ${line}`),
      info: (line: string) => lines.push(`info ${line}`),
    };
    const log = openVsCodeLog(vscode({ window: { createOutputChannel: () => channel }, LogLevel: { Debug: 2 } }));
    log.debug("one");
    channel.logLevel = 2;
    log.debug("two");
    expect(lines).to.deep.equal(["info [debug] one", "debug two"]);
  });

  it("asks for what is below a line of the tree when it is opened, and shows its tooltip as text", async () => {
    let options!: VsCode.TreeViewOptions<never>;
    class Item {
      readonly label: string;
      readonly collapsibleState: number;
      constructor(label: string, collapsibleState: number) {
        this.label = label;
        this.collapsibleState = collapsibleState;
      }
    }
    const tree = new VsCodeTree(
      vscode({
        window: { createTreeView: (_id: string, given: typeof options) => ((options = given), { dispose: () => {} }) },
        EventEmitter: class {
          event = () => {};
          fire(): void {}
          dispose(): void {}
        },
        TreeItem: Item,
        ThemeIcon: Named,
        TreeItemCollapsibleState: { None: 0, Collapsed: 1 },
      }),
      "id",
      async () => [
        { id: "a", label: "A", kind: "record", tooltip: "**text**", icon: "lock", children: async () => [leaf] },
      ],
    );
    const leaf = { id: "b", label: "B", kind: "version" };
    const provider = options.treeDataProvider as VsCode.TreeDataProvider<unknown>;
    const [root] = (await provider.getChildren())!;
    expect(await provider.getChildren(root)).to.deep.equal([leaf]);
    expect(await provider.getChildren(leaf)).to.deep.equal([]);
    expect(await provider.getTreeItem(root)).to.deep.include({
      label: "A",
      collapsibleState: 1,
      contextValue: "record",
      tooltip: "**text**",
      iconPath: new Named("lock"),
    });
    expect(await provider.getTreeItem(leaf)).to.include({ collapsibleState: 0, id: "b" });
    tree.dispose();
  });

  it("keeps a few documents for editors that are still open, and forgets the others", async () => {
    let provide!: (uri: unknown) => string;
    const opened: unknown[] = [];
    let isDisposed = false;
    const documents = new VsCodeDocuments(
      vscode({
        Uri: { from: ({ path }: { path: string }) => ({ path, toString: () => path }) },
        workspace: {
          registerTextDocumentContentProvider: (
            _scheme: string,
            provider: { provideTextDocumentContent: typeof provide },
          ) => {
            provide = provider.provideTextDocumentContent;
            return { dispose: () => (isDisposed = true) };
          },
          openTextDocument: async (uri: unknown) => uri,
        },
        window: { showTextDocument: async (uri: unknown) => opened.push(uri) },
      }),
    );
    for (let index = 0; index < 10; index++) await documents.show("a.json", `text ${index}`);
    expect(provide(opened[9])).to.equal("text 9");
    expect(provide(opened[2])).to.equal("text 2");
    expect(provide(opened[1])).to.equal("");
    documents.dispose();
    expect(isDisposed).to.equal(true);
  });
});
