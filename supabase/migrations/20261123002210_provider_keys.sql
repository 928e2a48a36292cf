-- Provider keys of organizations (bring your own), in the vault where the server has one.

create table tally.provider_keys (
  organization_id uuid not null references public.organizations (id) on delete cascade,
  provider text not null,
  secret_id uuid not null,
  created_at timestamptz not null default now(),
  primary key (organization_id, provider),
  constraint provider_is_not_blank check (btrim(provider) <> '')
);
comment on table tally.provider_keys is
  'Which secret of the vault is an organization''s own key for a provider. The key itself is only in the vault.';
alter table tally.provider_keys enable row level security;

create function tally.require_vault()
returns void
language plpgsql stable security invoker set search_path = ''
as $$
begin
  if to_regclass('vault.decrypted_secrets') is null then
    perform tally.fail('PT503', 'This database has no vault to keep a provider key in.', 'vault',
      'Install the extension supabase_vault, or send the key with each call as x-provider-key.');
  end if;
end;
$$;
comment on function tally.require_vault() is 'Raises PT503 where the server has no vault.';
revoke execute on function tally.require_vault() from public, anon, authenticated;

create function tally.set_provider_key(organization_id uuid, provider text, api_key text)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_secret_id uuid;
begin
  perform tally.require_admin(set_provider_key.organization_id);
  perform tally.require_vault();
  if btrim(coalesce(set_provider_key.provider, '')) = '' then
    perform tally.fail('PT400', 'provider is missing.', 'provider');
  elsif btrim(coalesce(set_provider_key.api_key, '')) = '' then
    perform tally.fail('PT400', 'api_key is missing.', 'api_key',
      'To take a key away, call remove_provider_key().');
  end if;
  -- Two admins who set one key wait for each other here: no secret is left without a row.
  perform pg_advisory_xact_lock(hashtextextended(
    'provider key ' || set_provider_key.organization_id || set_provider_key.provider, 0));
  select k.secret_id into v_secret_id from tally.provider_keys as k
  where k.organization_id = set_provider_key.organization_id
    and k.provider = set_provider_key.provider;
  -- Dynamic: the vault may not exist where this function is made.
  if v_secret_id is not null then
    execute 'select vault.update_secret($1, $2)' using v_secret_id, btrim(set_provider_key.api_key);
  else
    execute 'select vault.create_secret($1, $2, $3)'
      into v_secret_id using btrim(set_provider_key.api_key),
      format('tallybase %s %s', set_provider_key.provider, set_provider_key.organization_id),
      'An organization''s own provider key, for the gateway';
    insert into tally.provider_keys (organization_id, provider, secret_id)
    values (set_provider_key.organization_id, set_provider_key.provider, v_secret_id);
  end if;
  return jsonb_build_object('organization_id', set_provider_key.organization_id, 'provider',
    set_provider_key.provider);
end;
$$;
comment on function tally.set_provider_key(uuid, text, text) is 'Behind public.set_provider_key.';
revoke execute on function tally.set_provider_key(uuid, text, text)
  from public, anon, authenticated;
grant execute on function tally.set_provider_key(uuid, text, text) to authenticated, service_role;

create function public.set_provider_key(organization_id uuid, provider text, api_key text)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.set_provider_key(set_provider_key.organization_id, set_provider_key.provider,
    set_provider_key.api_key)
$$;
comment on function public.set_provider_key(uuid, text, text) is
  'Puts an organization''s own key for a provider into the vault (admins); the gateway uses it instead of the operator''s. It cannot be read back. Without a vault: PT503.';
revoke execute on function public.set_provider_key(uuid, text, text)
  from public, anon, authenticated;
grant execute on function public.set_provider_key(uuid, text, text) to authenticated, service_role;

create function tally.remove_provider_key(organization_id uuid, provider text)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_secret_id uuid;
begin
  perform tally.require_admin(remove_provider_key.organization_id);
  delete from tally.provider_keys as k
  where k.organization_id = remove_provider_key.organization_id
    and k.provider = remove_provider_key.provider
  returning k.secret_id into v_secret_id;
  if v_secret_id is not null and to_regclass('vault.secrets') is not null then
    execute 'delete from vault.secrets where id = $1' using v_secret_id;
  end if;
  return jsonb_build_object('organization_id', remove_provider_key.organization_id,
    'provider', remove_provider_key.provider, 'removed', v_secret_id is not null);
end;
$$;
comment on function tally.remove_provider_key(uuid, text) is 'Behind public.remove_provider_key.';
revoke execute on function tally.remove_provider_key(uuid, text) from public, anon, authenticated;
grant execute on function tally.remove_provider_key(uuid, text) to authenticated, service_role;

create function public.remove_provider_key(organization_id uuid, provider text)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.remove_provider_key(remove_provider_key.organization_id,
    remove_provider_key.provider)
$$;
comment on function public.remove_provider_key(uuid, text) is
  'Takes an organization''s own provider key out of the vault (admins): {organization_id, provider, removed}.';
revoke execute on function public.remove_provider_key(uuid, text) from public, anon, authenticated;
grant execute on function public.remove_provider_key(uuid, text) to authenticated, service_role;

create function tally.provider_key(organization_id uuid, provider text)
returns text
language plpgsql stable security definer set search_path = '' set enable_seqscan = off
  set plan_cache_mode = force_generic_plan
as $$
declare
  v_secret_id uuid;
  v_key text;
begin
  select k.secret_id into v_secret_id from tally.provider_keys as k
  where k.organization_id = provider_key.organization_id and k.provider = provider_key.provider;
  if v_secret_id is null then
    return null;
  end if;
  perform tally.require_vault();
  execute 'select s.decrypted_secret from vault.decrypted_secrets as s where s.id = $1'
    into v_key using v_secret_id;
  if v_key is null then
    perform tally.fail('PT503',
      'The organization''s key for this provider is not in the vault any more.',
      provider_key.provider,
      'Set it again with set_provider_key(), or take it away with remove_provider_key().');
  end if;
  return v_key;
end;
$$;
comment on function tally.provider_key(uuid, text) is
  'An organization''s own key for a provider, out of the vault; null when it has none.';
revoke execute on function tally.provider_key(uuid, text) from public, anon, authenticated;
