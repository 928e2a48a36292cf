-- What an address of alerts may be, what members see of it, and the secrets that sign webhooks.

create function tally.find_address_problem(kind text, address text)
returns text
language plpgsql immutable security invoker set search_path = ''
as $$
declare
  v_parts text[];
  v_host text;
begin
  if find_address_problem.address ~ '[^\x21-\x7e]'
    or length(find_address_problem.address) not between 1 and 2048 then
    return 'must have 1 to 2,048 characters: letters, digits and signs of ASCII, no spaces';
  elsif find_address_problem.kind = 'email' then
    return case
      when length(find_address_problem.address) > 254
        or find_address_problem.address !~* '^[a-z0-9.!#$%&''*+/=?^_`{|}~-]{1,64}@([a-z0-9]([a-z0-9-]*[a-z0-9])?\.)+[a-z]([a-z0-9-]*[a-z0-9])$'
      then 'is not an e-mail address'
    end;
  end if;
  v_parts := regexp_match(find_address_problem.address,
    '^(https?)://([^/?#\\@:\[\]]+|\[::1\])(:[0-9]{1,5})?([/?][^#\\]*)?$', 'i');
  v_host := lower(v_parts[2]);
  return case
    when v_host is null then 'is not a URL like https://host/path, without user name and fragment'
    when v_host in ('localhost', '127.0.0.1', '[::1]') then null
    when lower(v_parts[1]) = 'http'
      then 'must begin with https://; http:// is for this machine only'
    -- Other spellings of addresses (2130706433, 0x7f.1) end in a label that begins with a digit.
    when v_host !~ '^([a-z0-9_]([a-z0-9_-]*[a-z0-9_])?\.)+[a-z][a-z0-9-]*[a-z0-9]$'
      then 'must name a host by its full domain name'
    when v_host ~ '\.(localhost|local|internal|intranet|lan|home|arpa|onion)$'
      then 'is inside a private network'
  end;
end;
$$;
comment on function tally.find_address_problem(text, text) is
  'Why alerts cannot be sent to an address, as the rest of a sentence; null when they can. What its host resolves to is checked when a message is sent.';
revoke execute on function tally.find_address_problem(text, text) from public, anon, authenticated;

create function tally.show_address(kind text, address text)
returns text
language sql immutable security invoker set search_path = ''
as $$
  select case
    when show_address.kind = 'email' then show_address.address
    when length(u.path) > 12 then u.origin || '/…' || right(u.path, 4)
    when u.path <> '' then u.origin || '/…'
    else u.origin
  end
  from (
    select substring(show_address.address from '^[^:]+://[^/?]+') as origin,
      coalesce(substring(show_address.address from '^[^:]+://[^/?]+[/?](.*)$'), '') as path
  ) as u
$$;
comment on function tally.show_address(text, text) is
  'What members see of an address: of a URL its host and, when its path is long, the last four characters.';
revoke execute on function tally.show_address(text, text) from public, anon, authenticated;

create function tally.new_webhook_secret()
returns text
language sql volatile security invoker set search_path = ''
as $$
  -- Two v4 uuids hold 244 random bits; hashing spreads them evenly over 32 bytes.
  select 'whsec_' || encode(sha256(uuid_send(gen_random_uuid()) || uuid_send(gen_random_uuid())),
    'base64')
$$;
comment on function tally.new_webhook_secret() is
  'A secret that signs webhooks, as the Standard Webhooks libraries take it.';
revoke execute on function tally.new_webhook_secret() from public, anon, authenticated;
