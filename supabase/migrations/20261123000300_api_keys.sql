-- API keys: what a server, an SDK or an agent uses instead of a user's session.

create table public.api_keys (
  id uuid primary key default gen_random_uuid(),
  organization_id uuid not null references public.organizations (id) on delete cascade,
  name text not null,
  key_prefix text not null,
  key_hash bytea not null,
  scopes text[] not null default '{track,gateway,estimate}',
  created_by uuid,
  created_at timestamptz not null default now(),
  expires_at timestamptz,
  revoked_at timestamptz,
  constraint name_is_not_blank check (btrim(name) <> ''),
  constraint hash_is_sha256 check (octet_length(key_hash) = 32),
  constraint scopes_are_known check (scopes <@ array['track', 'gateway', 'estimate']
    and cardinality(scopes) > 0)
);
comment on table public.api_keys is
  'API keys of organizations. Only the SHA-256 of a key is stored: 244 random bits need no salt, and the hash is the index.';
create unique index api_keys_by_hash on public.api_keys (key_hash);
create index api_keys_by_organization on public.api_keys (organization_id);

alter table public.api_keys enable row level security;
revoke all on public.api_keys from anon, authenticated, service_role;
grant select (id, organization_id, name, key_prefix, scopes, created_by, created_at,
  expires_at, revoked_at)
  on public.api_keys to authenticated;
grant select on public.api_keys to service_role;
create policy "members read the keys of their organizations, never the hash" on public.api_keys
  for select to authenticated
  using (organization_id = any (array(select tally.organizations_of((select auth.uid())))));

create function tally.create_api_key(organization_id uuid, name text, scopes text[],
  expires_at timestamptz)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_key text;
  v_row public.api_keys;
begin
  perform tally.require_admin(create_api_key.organization_id);
  if btrim(coalesce(create_api_key.name, '')) = '' then
    perform tally.fail('PT400', 'name is missing.', 'name',
      'Give the key a name that tells where it is used.');
  end if;
  if create_api_key.expires_at <= now() then
    perform tally.fail('PT400', 'expires_at is in the past.', 'expires_at',
      'Leave it out, or name a later time.');
  end if;
  if not coalesce(create_api_key.scopes <@ array['track', 'gateway', 'estimate']
    and cardinality(create_api_key.scopes) > 0, true) then
    perform tally.fail('PT400', 'scopes names something unknown, or nothing.', 'scopes',
      'Use track, gateway, estimate.');
  end if;
  -- Two v4 uuids hold 244 random bits; hashing spreads them evenly over 43 characters.
  v_key := 'tally_' || translate(
    rtrim(encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())), 'base64'),
      '='),
    '+/', '-_');
  insert into public.api_keys as k (organization_id, name, key_prefix, key_hash, scopes,
    created_by, expires_at)
  values (
    create_api_key.organization_id,
    btrim(create_api_key.name),
    left(v_key, 12),
    sha256(convert_to(v_key, 'UTF8')),
    coalesce(create_api_key.scopes, '{track,gateway,estimate}'),
    (select auth.uid()),
    create_api_key.expires_at
  )
  returning * into v_row;
  return jsonb_build_object('id', v_row.id, 'key', v_key, 'name', v_row.name, 'key_prefix',
    v_row.key_prefix, 'scopes', v_row.scopes, 'expires_at', v_row.expires_at);
end;
$$;
comment on function tally.create_api_key(uuid, text, text[], timestamptz) is
  'Behind public.create_api_key.';
revoke execute on function tally.create_api_key(uuid, text, text[], timestamptz)
  from public, anon, authenticated;
grant execute on function tally.create_api_key(uuid, text, text[], timestamptz)
  to authenticated, service_role;

create function public.create_api_key(
  organization_id uuid, name text, scopes text[] default null, expires_at timestamptz default null)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.create_api_key(create_api_key.organization_id, create_api_key.name,
    create_api_key.scopes, create_api_key.expires_at)
$$;
comment on function public.create_api_key(uuid, text, text[], timestamptz) is
  'Makes an API key (admins): {id, key, name, key_prefix, scopes, expires_at}. The key is shown only here.';
revoke execute on function public.create_api_key(uuid, text, text[], timestamptz)
  from public, anon, authenticated;
grant execute on function public.create_api_key(uuid, text, text[], timestamptz)
  to authenticated, service_role;

create function tally.revoke_api_key(api_key_id uuid)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_row public.api_keys;
begin
  select * into v_row from public.api_keys as k where k.id = revoke_api_key.api_key_id;
  if v_row.id is null or not tally.is_operator()
    and coalesce(tally.role_in(auth.uid(), v_row.organization_id), 'member') = 'member' then
    -- One answer for a foreign and for an unknown key: ids cannot be probed.
    perform tally.fail(case when tally.is_operator() then 'PT404' else 'PT403' end,
      format('There is no API key %s that you may revoke.', revoke_api_key.api_key_id),
      'api_key_id', 'List the keys in public.api_keys.');
  end if;
  update public.api_keys as k set revoked_at = coalesce(k.revoked_at, now())
  where k.id = v_row.id
  returning * into v_row;
  return jsonb_build_object('id', v_row.id, 'revoked_at', v_row.revoked_at);
end;
$$;
comment on function tally.revoke_api_key(uuid) is 'Behind public.revoke_api_key.';
revoke execute on function tally.revoke_api_key(uuid) from public, anon, authenticated;
grant execute on function tally.revoke_api_key(uuid) to authenticated, service_role;

create function public.revoke_api_key(api_key_id uuid)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.revoke_api_key(revoke_api_key.api_key_id)
$$;
comment on function public.revoke_api_key(uuid) is
  'Ends an API key at once (admins): {id, revoked_at}. Again: the first time stays.';
revoke execute on function public.revoke_api_key(uuid) from public, anon, authenticated;
grant execute on function public.revoke_api_key(uuid) to authenticated, service_role;

create function tally.verify_api_key(key text)
returns table (api_key_id uuid, organization_id uuid, scopes text[])
language sql stable security definer set search_path = ''
as $$
  -- Looked up by hash: the time it takes tells nothing about the stored keys.
  select k.id, k.organization_id, k.scopes
  from public.api_keys as k
  where k.key_hash = sha256(convert_to(verify_api_key.key, 'UTF8'))
    and k.revoked_at is null
    and coalesce(k.expires_at > now(), true)
$$;
comment on function tally.verify_api_key(text) is
  'Whose key it is and what it may do; no row when unknown, revoked or expired.';
revoke execute on function tally.verify_api_key(text) from public, anon, authenticated;
grant execute on function tally.verify_api_key(text) to service_role;
