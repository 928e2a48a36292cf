-- How many tokens a provider really counts for one token of our own count, learned from settled
-- calls.

create table tally.token_samples (
  id bigint generated always as identity primary key,
  provider text not null,
  model text not null,
  ratio numeric not null
);
comment on table tally.token_samples is
  'Ratios of billed to counted input tokens, appended by callers and folded by the tidy-up.';
alter table tally.token_samples enable row level security;

create table tally.token_ratios (
  provider text not null,
  model text not null,
  ratio numeric not null,
  samples bigint not null,
  primary key (provider, model, ratio)
);
comment on table tally.token_ratios is
  'Histogram of those ratios per model, in steps of 0.01 rounded up.';
alter table tally.token_ratios enable row level security;

create function tally.note_token_count(provider text, model text, counted_tokens bigint,
  billed_tokens bigint)
returns void
language sql volatile security definer set search_path = ''
as $$
  -- Short prompts say more about framing than about the tokenizer.
  insert into tally.token_samples (provider, model, ratio)
  select note_token_count.provider, note_token_count.model,
    least(ceil(100.0 * note_token_count.billed_tokens / note_token_count.counted_tokens) / 100, 10)
  where note_token_count.counted_tokens >= 100 and note_token_count.billed_tokens > 0
$$;
comment on function tally.note_token_count(text, text, bigint, bigint) is
  'Notes what a provider billed for a prompt that was counted before the call (prompts of 100 tokens and more).';
revoke execute on function tally.note_token_count(text, text, bigint, bigint)
  from public, anon, authenticated;
grant execute on function tally.note_token_count(text, text, bigint, bigint) to service_role;

create function tally.fold_token_samples()
returns void
language sql volatile security definer set search_path = ''
as $$
  with taken as (
    delete from tally.token_samples as s
    where s.id in (select t.id from tally.token_samples as t
      order by t.id limit 10000 for update skip locked)
    returning s.provider, s.model, s.ratio
  )
  insert into tally.token_ratios as r (provider, model, ratio, samples)
  select t.provider, t.model, t.ratio, count(*) from taken as t group by t.provider,
    t.model, t.ratio
  order by 1, 2, 3
  on conflict (provider, model, ratio) do update set samples = r.samples + excluded.samples
$$;
comment on function tally.fold_token_samples() is 'Moves noted ratios into the histogram.';
revoke execute on function tally.fold_token_samples() from public, anon, authenticated;

create function tally.token_factor(provider text, model text)
returns numeric
language sql stable security definer set search_path = ''
as $$
  select min(h.ratio)
  from (
    select r.ratio, sum(r.samples) over (order by r.ratio) as up_to, sum(r.samples) over () as total
    from tally.token_ratios as r
    where r.provider = token_factor.provider and r.model = token_factor.model
  ) as h
  where h.total >= 100 and h.up_to >= 0.99 * h.total
$$;
comment on function tally.token_factor(text, text) is
  'The factor that covers 99 of 100 settled calls of a model; null while fewer than 100 are known.';
revoke execute on function tally.token_factor(text, text) from public, anon, authenticated;
grant execute on function tally.token_factor(text, text) to service_role;
