/** What stands in a place: a name or a number as it is, words in turn, or what others have said in English. */
export type Value = string | number | Words | Saying;

/** A language, for who says words in it. */
export interface Language {
  /** Says a form, and in its places `{0}`, `{1}`, … the values of these names. */
  say(form: string, values: Readonly<Record<string, string | number>>): string;
  /** Says again what the engine or the settings say. */
  repeat(saying: string): string;
}

const ENGLISH: Language = {
  say: (form, values) => form.replace(/\{(\d+)\}/g, (_place, name: string) => String(values[name])),
  repeat: (saying) => saying,
};

/** What the engine or the settings say, in their own English, of which the doctor knows no more than that. */
export class Saying {
  readonly text: string;

  constructor(text: string) {
    this.text = text;
  }
}

/** A text that can be said in any language: its English form, and what is in the places of that. */
export class Words {
  readonly form: string;
  readonly values: readonly Value[];

  constructor(form: string, values: readonly Value[]) {
    this.form = form;
    this.values = values;
  }

  in(language: Language): string {
    const said = this.values.map((value, place) => [place, sayIn(language, value)] as const);
    return language.say(this.form, Object.fromEntries(said));
  }

  /** In English. */
  toString(): string {
    return this.in(ENGLISH);
  }

  /** The same: for a program it is a text as any other. */
  toJSON(): string {
    return this.toString();
  }
}

function sayIn(language: Language, value: Value): string | number {
  if (value instanceof Words) return value.in(language);
  return value instanceof Saying ? language.repeat(value.text) : value;
}

/** `` words`${where} is a sentinel.` ``. Each form is the name of its translation in `l10n/`. */
export function words(parts: TemplateStringsArray, ...values: readonly Value[]): Words {
  return new Words(
    parts.reduce((form, part, index) => `${form}{${index - 1}}${part}`),
    values,
  );
}
