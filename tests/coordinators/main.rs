//! What every coordinator promises, as one suite for all of them, and what only some of them can suffer.
#![allow(clippy::unwrap_used, reason = "an unwrap in a test is an assertion")]

mod backends;
mod etcd;
mod etcd_process;
mod mirror;
mod proxy;
mod restart;
mod seed;
mod suite;
mod suite_leases;
mod wait;
mod web;

/// Each function of the suite, for each backend, as a test of its own.
macro_rules! conformance {
    ($($module:ident :: $name:ident)*) => {
        mod in_memory { $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
            let backend = crate::backends::in_memory();
            crate::$module::$name(&backend.coordinator).await;
        })* }
        mod on_a_file { $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
            let backend = crate::backends::on_a_file();
            crate::$module::$name(&backend.coordinator).await;
        })* }
        mod over_http { $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
            let backend = crate::backends::over_http();
            crate::$module::$name(&backend.coordinator).await;
        })* }
        mod in_etcd { $(#[tokio::test(flavor = "multi_thread")] async fn $name() {
            let backend = crate::backends::in_etcd().await;
            crate::$module::$name(&backend.coordinator).await;
        })* }
    };
}

conformance! {
    suite::of_a_hundred_who_compare_and_set_one_wins
    suite::a_transaction_reads_at_its_end
    suite::a_transaction_is_all_or_nothing
    suite::a_key_made_anew_is_not_the_one_it_was
    suite::a_range_and_a_telling_hold_whole_transactions
    suite::a_watch_from_a_past_revision_tells_the_rest_in_order
    suite::a_quiet_watch_gives_signs_of_life
    suite::garbage_and_oversized_values_are_refused
    suite::a_whole_map_fits_one_transaction
    suite_leases::keys_vanish_with_their_lease
    suite_leases::a_lease_that_is_kept_alive_goes_on
    suite_leases::a_revoked_lease_takes_its_keys_along
    suite_leases::a_key_written_without_its_lease_stays
}
