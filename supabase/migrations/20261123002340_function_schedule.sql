-- Calling the edge functions on time, where the server has pg_cron, pg_net and a vault: alerts are
-- sent and usage is reported without another machine. Elsewhere any scheduler may call them.

create function tally.require_scheduler()
returns void
language plpgsql stable security definer set search_path = ''
as $$
declare
  v_missing text;
begin
  select string_agg(e.name, ', ' order by e.name) into v_missing
  from (
    values
      ('pg_cron', to_regprocedure('cron.schedule(text,text,text)') is not null),
      ('pg_net', to_regprocedure('net.http_post(text,jsonb,jsonb,jsonb,integer)') is not null),
      ('supabase_vault', to_regclass('vault.decrypted_secrets') is not null)
  ) as e (name, is_here)
  where not e.is_here;
  if v_missing is not null then
    perform tally.fail('PT503',
      format('This database cannot call functions by itself: it lacks %s.', v_missing), v_missing,
      'Enable what is missing (create extension …), or let any other scheduler call them: '
      'see docs/operations.md.');
  end if;
end;
$$;
comment on function tally.require_scheduler() is
  'Raises PT503 where the server lacks pg_cron, pg_net or the vault.';
revoke execute on function tally.require_scheduler() from public, anon, authenticated;

create function tally.keep_secret(secret_name text, secret text)
returns void
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_id uuid;
begin
  select s.id into v_id from vault.decrypted_secrets as s where s.name = keep_secret.secret_name;
  if v_id is null then
    perform vault.create_secret(keep_secret.secret, keep_secret.secret_name,
      'How tally.call_function() calls edge functions');
  else
    perform vault.update_secret(v_id, keep_secret.secret);
  end if;
end;
$$;
comment on function tally.keep_secret(text, text) is
  'Puts a secret into the vault, in the place of the one that has its name.';
revoke execute on function tally.keep_secret(text, text) from public, anon, authenticated;

create function tally.call_function(function_name text)
returns bigint
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_is_due boolean := case call_function.function_name
    when 'alerts' then tally.has_due_alerts()
    when 'stripe-report' then tally.has_due_billing()
  end;
  v_url text;
  v_key text;
begin
  -- What has nothing to do is not woken.
  if v_is_due is not true then
    return null;
  end if;
  select max(s.decrypted_secret) filter (where s.name = 'tallybase functions url'),
    max(s.decrypted_secret) filter (where s.name = 'tallybase secret key')
  into v_url, v_key
  from vault.decrypted_secrets as s
  where s.name in ('tallybase functions url', 'tallybase secret key');
  if v_url is null or v_key is null then
    perform tally.fail('PT503', 'The vault does not hold how functions are called any more.', null,
      'Call schedule_functions() again, or unschedule_functions().');
  end if;
  return net.http_post(
    url := v_url || '/' || call_function.function_name,
    headers := jsonb_build_object('apikey', v_key, 'content-type', 'application/json'),
    timeout_milliseconds := 60000);
end;
$$;
comment on function tally.call_function(text) is
  'Asks pg_net to call an edge function when there is something for it to do: alerts, stripe-report. Answers the number of the request; null: there was nothing.';
revoke execute on function tally.call_function(text) from public, anon, authenticated;

create function tally.schedule_functions(functions_url text, secret_key text)
returns jsonb
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_url text := rtrim(btrim(schedule_functions.functions_url), '/');
  v_key text := nullif(btrim(schedule_functions.secret_key), '');
begin
  perform tally.require_operator('schedule functions');
  perform tally.require_scheduler();
  if coalesce(v_url, '') !~ '^https?://[^[:space:]/?#]+(/[^[:space:]?#]*)?$' then
    perform tally.fail('PT400', 'functions_url is not a URL.', 'functions_url',
      'It looks like https://<project>.supabase.co/functions/v1.');
  elsif v_url !~ '^https://'
    and v_url !~ '^http://([^./:]+|127[.]0[.]0[.]1|host[.]docker[.]internal)(:[0-9]+)?(/|$)'
  then
    -- The secret key goes with each request; only a name of this machine or of its own network
    -- needs no encryption.
    perform tally.fail('PT400', 'functions_url must begin with https://.', 'functions_url',
      'It looks like https://<project>.supabase.co/functions/v1.');
  end if;
  -- Two at once would put two secrets of one name into the vault.
  perform pg_advisory_xact_lock(hashtextextended('tally.schedule_functions', 0));
  if v_key is not null then
    perform tally.keep_secret('tallybase secret key', v_key);
  elsif not exists (
    select from vault.decrypted_secrets as s where s.name = 'tallybase secret key'
  ) then
    perform tally.fail('PT400', 'secret_key is missing: the vault has none yet.', 'secret_key',
      'It is the secret key of the project, sb_secret_…');
  end if;
  perform tally.keep_secret('tallybase functions url', v_url);
  return jsonb_build_object('functions_url', v_url, 'jobs', jsonb_build_object(
    'tallybase tick', tally.schedule_tidy_up(),
    'tallybase alerts',
    tally.schedule_job('tallybase alerts', 10, 'select tally.call_function(''alerts'')'),
    'tallybase stripe-report',
    tally.schedule_job(
      'tallybase stripe-report', 60, 'select tally.call_function(''stripe-report'')')));
end;
$$;
comment on function tally.schedule_functions(text, text) is 'Behind public.schedule_functions.';
revoke execute on function tally.schedule_functions(text, text) from public, anon, authenticated;
grant execute on function tally.schedule_functions(text, text) to authenticated, service_role;

create function public.schedule_functions(functions_url text, secret_key text default null)
returns jsonb
language sql volatile security invoker set search_path = ''
as $$
  select tally.schedule_functions(schedule_functions.functions_url, schedule_functions.secret_key)
$$;
comment on function public.schedule_functions(text, text) is
  'Has the database call the functions alerts and stripe-report whenever there is something to send (operator): {functions_url, jobs}. URL and secret key are kept in the vault; without secret_key the one that is there stays. May be repeated. Without pg_cron, pg_net or the vault: PT503.';
revoke execute on function public.schedule_functions(text, text) from public, anon, authenticated;
grant execute on function public.schedule_functions(text, text) to authenticated, service_role;

create function tally.unschedule_functions()
returns integer
language plpgsql volatile security definer set search_path = ''
as $$
declare
  v_removed integer := 0;
begin
  perform tally.require_operator('unschedule functions');
  if to_regclass('cron.job') is not null then
    select count(cron.unschedule(j.jobid)) into v_removed
    from cron.job as j where j.jobname in ('tallybase alerts', 'tallybase stripe-report');
  end if;
  if to_regclass('vault.secrets') is not null then
    delete from vault.secrets as s
    where s.name in ('tallybase functions url', 'tallybase secret key');
  end if;
  return v_removed;
end;
$$;
comment on function tally.unschedule_functions() is 'Behind public.unschedule_functions.';
revoke execute on function tally.unschedule_functions() from public, anon, authenticated;
grant execute on function tally.unschedule_functions() to authenticated, service_role;

create function public.unschedule_functions()
returns integer
language sql volatile security invoker set search_path = ''
as $$
  select tally.unschedule_functions()
$$;
comment on function public.unschedule_functions() is
  'Ends what schedule_functions() began (operator) and takes URL and key out of the vault; answers how many jobs there were. The tidy-up goes on.';
revoke execute on function public.unschedule_functions() from public, anon, authenticated;
grant execute on function public.unschedule_functions() to authenticated, service_role;
