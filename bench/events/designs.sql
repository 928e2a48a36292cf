-- What recording is compared with: the columns of a plain usage table as a bare heap; the same table with
-- its key, indexes and references as one would first write it; and that table with a trigger that keeps
-- daily sums row by row.
create schema designs;

create table designs.heap (
  id uuid default gen_random_uuid(),
  user_id uuid,
  organization_id uuid,
  provider text,
  model text,
  tool_name text,
  operation text,
  input_tokens integer,
  output_tokens integer,
  total_tokens integer generated always as (input_tokens + output_tokens) stored,
  units numeric,
  unit_type text,
  cost_usd numeric(10, 6),
  request_metadata jsonb,
  created_at timestamptz,
  duration_ms integer
);

create table designs.users (id uuid primary key);

create table designs.indexed (
  like designs.heap including generated including defaults,
  primary key (id),
  foreign key (user_id) references designs.users (id),
  foreign key (organization_id) references public.organizations (id)
);
create index on designs.indexed (organization_id, created_at desc);
create index on designs.indexed (user_id, created_at desc);
create index on designs.indexed (tool_name, created_at desc);
create index on designs.indexed (provider, created_at desc);

create table designs.triggered (like designs.indexed including all);
create table designs.daily (
  organization_id uuid,
  day date,
  tool_name text,
  request_count bigint,
  total_tokens bigint,
  cost_usd numeric,
  primary key (organization_id, day, tool_name)
);
create function designs.count_row() returns trigger language plpgsql as $$
begin
  insert into designs.daily as d
  values (new.organization_id, new.created_at::date, new.tool_name, 1, new.total_tokens, new.cost_usd)
  on conflict (organization_id, day, tool_name) do update set
    request_count = d.request_count + 1,
    total_tokens = d.total_tokens + excluded.total_tokens,
    cost_usd = d.cost_usd + excluded.cost_usd;
  return null;
end;
$$;
create trigger count_row after insert on designs.triggered for each row execute function designs.count_row();

-- What no way of sending JSON can do without: reading it, and writing rows of our columns under our key.
create table designs.unchecked (
  like public.token_usage including defaults including generated,
  primary key (organization_id, created_at, id)
);
create function designs.insert_unchecked(events jsonb) returns jsonb language plpgsql as $$
declare
  v_recorded integer;
begin
  insert into designs.unchecked (organization_id, id, created_at, provider, model, tool_name, user_id,
    session_id, input_tokens, output_tokens, classes, cost_usd, duration_ms, request_metadata)
  select e.organization_id, e.id, timestamptz 'epoch'
      + ('x' || encode(substring(uuid_send(e.id) for 6), 'hex'))::bit(48)::bigint * interval '1 millisecond' as at,
    e.provider, e.model, e.tool_name, e.user_id, e.session_id, e.input_tokens, e.output_tokens, e.classes, 0.012345,
    e.duration_ms, e.request_metadata
  from jsonb_populate_recordset(null::tally.event, insert_unchecked.events) as e
  order by 1, 3, 2
  on conflict do nothing;
  get diagnostics v_recorded = row_count;
  return jsonb_build_object('recorded', v_recorded);
end;
$$;
