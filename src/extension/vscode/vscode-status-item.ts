import type * as VsCode from "vscode";
import type { StatusItem } from "../window.js";

/** Left of most others that tell how something is. */
const PRIORITY = 50;

const BACKGROUNDS = {
  warning: "statusBarItem.warningBackground",
  error: "statusBarItem.errorBackground",
} as const;

export function openVsCodeStatusItem(vscode: typeof VsCode, command: string): StatusItem {
  const { window, StatusBarAlignment, ThemeColor } = vscode;
  const item = window.createStatusBarItem("redisMirrored.status", StatusBarAlignment.Right, PRIORITY);
  item.name = "Redis Mirror";
  item.command = command;
  return {
    show({ icon, text, severity, tooltip, label }) {
      item.text = `$(${icon}) ${text}`;
      item.backgroundColor = severity === "none" ? undefined : new ThemeColor(BACKGROUNDS[severity]);
      item.tooltip = toMarkdown(vscode, tooltip);
      item.accessibilityInformation = { label, role: "button" };
      item.show();
    },
    dispose: () => item.dispose(),
  };
}

/** What a server said is among the lines: it is shown, and means nothing. */
function toMarkdown(
  { MarkdownString }: typeof VsCode,
  [heading = "", ...lines]: readonly string[],
): VsCode.MarkdownString {
  const markdown = new MarkdownString(undefined, false);
  markdown.isTrusted = false;
  markdown.supportHtml = false;
  // Not `appendText`, whose spaces break no line: VS Code then breaks words.
  markdown.appendMarkdown([`**${asText(heading)}**`, ...lines.map(asText)].join("\n\n"));
  return markdown;
}

/** Each character that means something in Markdown anywhere, also those by which addresses become links. */
function asText(line: string): string {
  return line.replace(/\s+/g, " ").replace(/[!-/:-@[-`{-~]/g, "\\$&");
}
