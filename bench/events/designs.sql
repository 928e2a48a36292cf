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
