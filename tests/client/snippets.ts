import { globSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";

export const repository = resolve(import.meta.dirname, "../..");

/** A piece of code that a reader may copy. */
export interface Snippet {
  /** File and line. */
  place: string;
  code: string;
  language: "ts" | "tsx";
  /** Whole enough to be run as it is. */
  isProgram: boolean;
}

/** The snippets of the guides, the packages' READMEs and the comments of their sources. */
export function readSnippets(): Snippet[] {
  const pages = ["docs/client.md", "docs/integrations/*.md", "packages/{client,react}/README.md"];
  const sources = "packages/{client,react}/src/*.ts";
  return [
    ...globSync(pages, { cwd: repository }).flatMap((file) => read(file, (text) => text)),
    ...globSync(sources, { cwd: repository }).flatMap((file) => read(file, withoutStars)),
  ];
}

/** The text of comments, with every line where it was. */
function withoutStars(source: string): string {
  return source.replaceAll(/^ *\* ?/gm, "");
}

function read(file: string, prepare: (text: string) => string): Snippet[] {
  const text = prepare(readFileSync(join(repository, file), "utf8"));
  return [...text.matchAll(/(<!-- run -->\n)?```(tsx?)\n([\s\S]*?)```/g)].map((match) => {
    const [, run, language, code = ""] = match;
    const line = text.slice(0, match.index).split("\n").length;
    const place = `${file}:${line}`;
    return { place, code, language: language as "ts" | "tsx", isProgram: run !== undefined };
  });
}
