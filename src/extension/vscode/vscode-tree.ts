import type * as VsCode from "vscode";
import type { Tree, TreeNode } from "../window.js";

/** A tree that asks for what is below a line when that is opened. */
export class VsCodeTree implements Tree {
  readonly #view: VsCode.TreeView<TreeNode>;
  readonly #changes: VsCode.EventEmitter<TreeNode | undefined>;

  constructor(vscode: typeof VsCode, id: string, roots: () => Promise<readonly TreeNode[]>) {
    this.#changes = new vscode.EventEmitter();
    this.#view = vscode.window.createTreeView(id, {
      showCollapseAll: true,
      treeDataProvider: {
        onDidChangeTreeData: this.#changes.event,
        getChildren: async (node) => [...(await (node === undefined ? roots() : (node.children?.() ?? [])))],
        getTreeItem: (node) => toItem(vscode, node),
      },
    });
  }

  refresh(): void {
    this.#changes.fire(undefined);
  }

  tell(message: string | undefined): void {
    // Without the type's leave VS Code takes no `undefined`, and without one it goes on showing what it showed.
    this.#view.message = message ?? "";
  }

  dispose(): void {
    this.#view.dispose();
    this.#changes.dispose();
  }
}

function toItem({ TreeItem, TreeItemCollapsibleState, ThemeIcon }: typeof VsCode, node: TreeNode): VsCode.TreeItem {
  const { None, Collapsed } = TreeItemCollapsibleState;
  const item = new TreeItem(node.label, node.children === undefined ? None : Collapsed);
  item.id = node.id;
  item.contextValue = node.kind;
  if (node.description !== undefined) item.description = node.description;
  // As text, not as Markdown.
  if (node.tooltip !== undefined) item.tooltip = node.tooltip;
  if (node.icon !== undefined) item.iconPath = new ThemeIcon(node.icon);
  return item;
}
