import { parser } from "@prometheus-io/lezer-promql";

export interface LabelMatcher {
  readonly label: string;
  readonly operator: "=" | "!=" | "=~" | "!~";
  readonly value: string;
}

/** One selection of series. Where there is no name, a matcher of `__name__` says it. */
export interface Selector {
  readonly text: string;
  readonly name: string | undefined;
  readonly matchers: readonly LabelMatcher[];
}

export interface Expression {
  readonly selectors: readonly Selector[];
  /** By which something is grouped or joined. */
  readonly groupingLabels: readonly string[];
}

type SyntaxNode = ReturnType<typeof parser.parse>["topNode"];

/** What of PromQL refers to series. @throws Error where it is none. */
export function parsePromql(text: string): Expression {
  const textOf = ({ from, to }: SyntaxNode) => text.slice(from, to);
  const selectors: Selector[] = [];
  const groupingLabels: string[] = [];
  parser.parse(text).iterate({
    enter({ type, node }) {
      if (type.isError) throw new Error(`Expected PromQL, got ${text} (at ${node.from})`);
      if (type.name === "VectorSelector") selectors.push(toSelector(node, textOf));
      if (type.name === "GroupingLabels") groupingLabels.push(...node.getChildren("LabelName").map(textOf));
    },
  });
  return { selectors, groupingLabels };
}

function toSelector(node: SyntaxNode, textOf: (node: SyntaxNode) => string): Selector {
  const name = node.getChild("Identifier");
  const matchers = node.getChild("LabelMatchers")?.getChildren("UnquotedLabelMatcher") ?? [];
  return {
    text: textOf(node),
    name: name === null ? undefined : textOf(name),
    matchers: matchers.map((matcher) => {
      const [label, operator, value] = ["LabelName", "MatchOp", "StringLiteral"].map((part) =>
        textOf(matcher.getChild(part)!),
      ) as [string, LabelMatcher["operator"], string];
      return { label, operator, value: JSON.parse(value) as string };
    }),
  };
}

/** Whether a series may be meant, as Prometheus decides it: regular expressions match the whole. */
export function matches({ operator, value }: LabelMatcher, actual: string): boolean {
  const isEqual = operator.endsWith("~") ? new RegExp(`^(?:${value})$`).test(actual) : actual === value;
  return operator.startsWith("!") ? !isEqual : isEqual;
}
