//! The harness itself: moments, test data, the TLS provider.

use crate::harness::{at, ring, testdata};

#[test]
fn moments_are_written_with_or_without_seconds() {
    assert_eq!(at("2026-03-02 09:00").to_rfc3339(), "2026-03-02T09:00:00+00:00");
    assert_eq!(at("2026-03-02 09:00:30.250").timestamp_subsec_millis(), 250);
}

#[test]
fn the_test_data_is_where_the_harness_looks() {
    let Some(requests) = testdata("tickets/dev.jsonl") else { return };
    assert!(std::fs::read_to_string(requests).unwrap().lines().count() > 0);
}

#[test]
fn the_tls_provider_can_be_asked_for_by_every_test() {
    ring();
    ring();
    assert!(rustls::crypto::CryptoProvider::get_default().is_some());
}
