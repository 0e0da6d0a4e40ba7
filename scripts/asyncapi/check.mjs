// node check.mjs FILE.. : parses AsyncAPI documents with AsyncAPI's own parser, references resolved, and prints every
// diagnostic. Exit code 1 on an error, or where a message lacks its headers or its payload.
import { readFileSync } from "node:fs";
import { resolve } from "node:path";
import { DiagnosticSeverity, Parser } from "@asyncapi/parser";

const NAMES = ["error", "warning", "information", "hint"];

/** One line of a diagnostic. */
function line(file, { code, message, path, range, severity }) {
  const at = `${file}:${range.start.line + 1}`;
  return `${at}: ${NAMES[severity]} ${code}: ${message} (${path.join(".")})`;
}

/** What the parser does not ask for but a reader needs. */
function gaps(document) {
  const found = [];
  const messages = document.allChannels().all().flatMap((channel) => channel.messages().all());
  for (const message of messages) {
    const payload = message.payload()?.json() ?? {};
    const parts = [message.headers(), ...(message.headers()?.allOf() ?? [])];
    const headers = Object.assign({}, ...parts.map((part) => part?.properties() ?? {}));
    if (Object.keys(payload).length === 0) found.push(`message ${message.id()} has no payload schema`);
    if (!("ce_type" in headers)) found.push(`message ${message.id()} has no ce_type header`);
    if (message.bindings().get("kafka")?.value()?.key === undefined) found.push(`message ${message.id()} names no key`);
  }
  if (messages.length === 0) found.push("no channel has a message");
  return { found, count: messages.length };
}

let failed = false;
for (const file of process.argv.slice(2)) {
  const path = resolve(file);
  const { document, diagnostics } = await new Parser().parse(readFileSync(path, "utf8"), { source: path });
  for (const diagnostic of diagnostics) console.log(line(file, diagnostic));
  const errors = diagnostics.filter(({ severity }) => severity === DiagnosticSeverity.Error).length;
  const { found, count } = document ? gaps(document) : { found: ["it cannot be read as AsyncAPI"], count: 0 };
  found.forEach((gap) => console.log(`${file}: error: ${gap}`));
  failed ||= errors + found.length > 0;
  const others = diagnostics.length - errors;
  console.log(`${file}: ${count} messages, ${errors + found.length} errors, ${others} lesser remarks`);
}
process.exit(failed ? 1 : 0);
