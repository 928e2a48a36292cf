begin;
select plan(3);

-- Names with the API roles that may call any function of that name; no role: no row.
create temporary view callable as
select
  p.pronamespace::regnamespace::text as schema,
  p.proname::text as name,
  string_agg(distinct r.rolname, ', ' order by r.rolname) as roles
from pg_proc as p
join pg_roles as r
  on r.rolname in ('anon', 'authenticated', 'service_role')
  and has_function_privilege(r.oid, p.oid, 'execute')
where p.pronamespace in ('public'::regnamespace, 'tally'::regnamespace)
  and not exists (select from pg_depend as d where d.objid = p.oid and d.deptype = 'e')
group by p.pronamespace, p.proname;

select set_eq(
  $$ select name, roles from callable where schema = 'public' $$,
  $$
    values
      ('assign_plan', 'authenticated, service_role'),
      ('check_quota', 'authenticated, service_role'),
      ('create_api_key', 'authenticated, service_role'),
      ('credit_balance', 'authenticated, service_role'),
      ('delete_execution', 'authenticated, service_role'),
      ('enable_alert_channel', 'authenticated, service_role'),
      ('estimate_cost', 'authenticated, service_role'),
      ('execution_details', 'authenticated, service_role'),
      ('execution_statistics', 'authenticated, service_role'),
      ('execution_timeseries', 'authenticated, service_role'),
      ('extend_hold', 'authenticated, service_role'),
      ('grant_credit', 'authenticated, service_role'),
      ('log_execution', 'authenticated, service_role'),
      ('quota_status', 'authenticated, service_role'),
      ('release_hold', 'authenticated, service_role'),
      ('remove_alert_channel', 'authenticated, service_role'),
      ('remove_provider_key', 'authenticated, service_role'),
      ('remove_quota', 'authenticated, service_role'),
      ('repair_rollup', 'authenticated, service_role'),
      ('rerate_usage', 'authenticated, service_role'),
      ('reserve_usage', 'authenticated, service_role'),
      ('retry_alert', 'authenticated, service_role'),
      ('revoke_api_key', 'authenticated, service_role'),
      ('rotate_alert_secret', 'authenticated, service_role'),
      ('set_alert_channel', 'authenticated, service_role'),
      ('set_gateway_policy', 'authenticated, service_role'),
      ('set_markup', 'authenticated, service_role'),
      ('set_price', 'authenticated, service_role'),
      ('set_provider_key', 'authenticated, service_role'),
      ('set_quota', 'authenticated, service_role'),
      ('settle_usage', 'authenticated, service_role'),
      ('tallybase_version', 'anon, authenticated, service_role'),
      ('top_packages', 'authenticated, service_role'),
      ('top_users', 'authenticated, service_role'),
      ('track_usage', 'authenticated, service_role'),
      ('track_usage_batch', 'authenticated, service_role'),
      ('usage_anomalies', 'authenticated, service_role'),
      ('usage_breakdown', 'authenticated, service_role'),
      ('usage_event', 'authenticated, service_role'),
      ('usage_forecast', 'authenticated, service_role'),
      ('usage_peaks', 'authenticated, service_role'),
      ('usage_statistics', 'authenticated, service_role'),
      ('usage_timeseries', 'authenticated, service_role'),
      ('usage_totals', 'authenticated, service_role'),
      ('usage_trends', 'authenticated, service_role'),
      ('verify_ledger', 'authenticated, service_role'),
      ('verify_rollup', 'authenticated, service_role'),
      ('withdraw_price', 'authenticated, service_role')
  $$,
  'public: what the API serves, and to whom');

-- A public function runs with its caller's rights, so the private one behind it has the same roles.
select set_eq(
  $$ select name, roles from callable where schema = 'tally' and roles <> 'service_role' $$,
  $$
    values
      ('acting_role', 'authenticated, service_role'),
      ('assign_plan', 'authenticated, service_role'),
      ('check_quota', 'authenticated, service_role'),
      ('create_api_key', 'authenticated, service_role'),
      ('credit_balance', 'authenticated, service_role'),
      ('dead_deliveries', 'authenticated, service_role'),
      ('delete_execution', 'authenticated, service_role'),
      ('enable_alert_channel', 'authenticated, service_role'),
      ('estimate_cost', 'authenticated, service_role'),
      ('execution_details', 'authenticated, service_role'),
      ('execution_statistics', 'authenticated, service_role'),
      ('execution_timeseries', 'authenticated, service_role'),
      ('extend_hold', 'authenticated, service_role'),
      ('fail', 'authenticated, service_role'),
      ('is_operator', 'authenticated, service_role'),
      ('log_execution', 'authenticated, service_role'),
      ('organizations_of', 'authenticated, service_role'),
      ('grant_credit', 'authenticated, service_role'),
      ('quota_status', 'authenticated, service_role'),
      ('release_hold', 'authenticated, service_role'),
      ('remove_alert_channel', 'authenticated, service_role'),
      ('remove_provider_key', 'authenticated, service_role'),
      ('remove_quota', 'authenticated, service_role'),
      ('require_admin', 'authenticated, service_role'),
      ('require_member', 'authenticated, service_role'),
      ('require_operator', 'authenticated, service_role'),
      ('require_recorder', 'authenticated, service_role'),
      ('require_role', 'authenticated, service_role'),
      ('repair_rollup', 'authenticated, service_role'),
      ('rerate_usage', 'authenticated, service_role'),
      ('reserve_usage', 'authenticated, service_role'),
      ('retry_alert', 'authenticated, service_role'),
      ('revoke_api_key', 'authenticated, service_role'),
      ('role_in', 'authenticated, service_role'),
      ('rotate_alert_secret', 'authenticated, service_role'),
      ('set_alert_channel', 'authenticated, service_role'),
      ('set_gateway_policy', 'authenticated, service_role'),
      ('set_markup', 'authenticated, service_role'),
      ('set_price', 'authenticated, service_role'),
      ('set_provider_key', 'authenticated, service_role'),
      ('set_quota', 'authenticated, service_role'),
      ('settle_usage', 'authenticated, service_role'),
      ('top_packages', 'authenticated, service_role'),
      ('top_users', 'authenticated, service_role'),
      ('track_usage', 'authenticated, service_role'),
      ('track_usage_batch', 'authenticated, service_role'),
      ('usage_anomalies', 'authenticated, service_role'),
      ('usage_breakdown', 'authenticated, service_role'),
      ('usage_forecast', 'authenticated, service_role'),
      ('usage_peaks', 'authenticated, service_role'),
      ('usage_statistics', 'authenticated, service_role'),
      ('usage_timeseries', 'authenticated, service_role'),
      ('usage_totals', 'authenticated, service_role'),
      ('usage_trends', 'authenticated, service_role'),
      ('uuid_time', 'authenticated, service_role'),
      ('uuid_v7', 'authenticated, service_role'),
      ('verify_ledger', 'authenticated, service_role'),
      ('verify_rollup', 'authenticated, service_role'),
      ('withdraw_price', 'authenticated, service_role')
  $$,
  'tally: what a signed-in user reaches through the public functions');

select set_eq(
  $$ select name from callable where schema = 'tally' and roles = 'service_role' $$,
  $$
    values
      ('admit_gateway_call'),
      ('check_classes'),
      ('claim_alert_deliveries'),
      ('enable_realtime'),
      ('ensure_partitions'),
      ('finish_alert_delivery'),
      ('fold'),
      ('has_due_alerts'),
      ('in_daily_window'),
      ('load_price_book'),
      ('load_price_card'),
      ('match_model'),
      ('note_token_count'),
      ('quota_period'),
      ('resolve_model'),
      ('settle_gateway_call'),
      ('settle_unsettled_holds'),
      ('tick'),
      ('token_factor'),
      ('unit_prices'),
      ('upper_bound_cost'),
      ('uuid_floor'),
      ('verify_api_key')
  $$,
  'tally: what only the service role may call');

select * from finish();
rollback;
