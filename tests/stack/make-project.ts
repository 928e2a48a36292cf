import { chmod, mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";

const FILES = {
  "supabase/config.toml": `
project_id = "stack-test"
[auth]
jwt_expiry = 3600
[functions.echo]
verify_jwt = false
[functions.stream]
verify_jwt = false
[functions.broken]
verify_jwt = false
`,
  "supabase/migrations/20260101000000_notes.sql": `
create table public.notes (
  id bigint generated always as identity primary key,
  user_id uuid not null default auth.uid(),
  body text not null
);
alter table public.notes enable row level security;
create policy "authors read" on public.notes for select to authenticated
  using (user_id = (select auth.uid()));
create policy "authors write" on public.notes for insert to authenticated
  with check (user_id = (select auth.uid()));

create function public.add(a int, b int) returns int language sql as $$ select a + b $$;

create schema tally;
create function tally.tick() returns void language sql as $$ select pg_notify('ticked', '') $$;
`,
  "supabase/seed.sql": `
insert into public.notes (user_id, body) values (gen_random_uuid(), 'from the seed');
`,
  // Both ways to write a function.
  "supabase/functions/echo/index.ts": `
export default {
  fetch: async (request: Request) => request.url.endsWith("/too-large")
    ? new Response("too large", { status: 413 })
    : Response.json({
    url: request.url,
    method: request.method,
    body: await request.text(),
    forwarded: request.headers.get("x-forwarded-prefix"),
    env: Object.keys(Deno.env.toObject()).sort(),
    openai: Deno.env.get("TALLY_OPENAI_BASE_URL") ?? null,
  }),
};
`,
  "supabase/functions/private/index.ts": `
Deno.serve(() => new Response("for users"));
`,
  // Sends one event, then nothing until the caller says so (or goes away, which it reports).
  "supabase/functions/stream/index.ts": `
Deno.serve((request) => {
  const to = new URL(request.url).searchParams.get("to")!;
  const encoder = new TextEncoder();
  const body = new ReadableStream({
    async start(controller) {
      controller.enqueue(encoder.encode("data: first\\n\\n"));
      await fetch(to + "/continue");
      controller.enqueue(encoder.encode("data: second\\n\\n"));
      controller.close();
    },
    async cancel() {
      await fetch(to + "/cancelled");
    },
  });
  return new Response(body, { headers: { "content-type": "text/event-stream" } });
});
`,
  "supabase/functions/broken/index.ts": `
throw new Error("this function is broken on purpose");
`,
};

/** Writes a small Supabase project that has nothing of Tallybase in it. */
export async function makeProject(root: string): Promise<void> {
  for (const [path, content] of Object.entries(FILES)) {
    await mkdir(dirname(join(root, path)), { recursive: true });
    await writeFile(join(root, path), content);
  }
  await chmod(root, 0o755);
}
