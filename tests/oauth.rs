//! OAuth tokens from a provider on loopback: asked once, kept, renewed, and every refusal with a way out.

use chrono::TimeDelta;
use deskd::account::oauth::{Grant, OAuthSetup, TokenSource};
use deskd::account::tls;
use deskd::clock::{Clock, TestClock};
use secrecy::ExposeSecret;

use crate::harness::provider::Provider;
use crate::harness::{at, ring};

async fn source(grant: Grant, answers: &[(u16, &str)]) -> (TokenSource, Provider, TestClock) {
    ring();
    let provider = Provider::start(answers).await;
    let setup = OAuthSetup {
        account: "[oauth.m365]".to_owned(),
        token_url: provider.token_url.clone(),
        client_id: "desk".to_owned(),
        client_secret: Some("s3cret".to_owned().into()),
        scope: Some("mail".to_owned()),
        grant,
    };
    let clock = TestClock::at(at("2026-03-02 09:00"));
    let tokens = TokenSource::new(setup, &tls::client_config(None).unwrap(), Clock::from(clock.clone())).unwrap();
    (tokens, provider, clock)
}

async fn token(tokens: &TokenSource) -> String {
    tokens.token().await.unwrap().expose_secret().to_owned()
}

#[tokio::test]
async fn a_token_is_asked_for_once_and_again_five_minutes_before_its_end() {
    let answers = [
        (200, r#"{"access_token":"one","expires_in":3600}"#),
        (200, r#"{"access_token":"two","expires_in":"3600"}"#),
        (200, r#"{"access_token":"three"}"#),
    ];
    let (tokens, provider, clock) = source(Grant::ClientCredentials, &answers).await;
    let (a, b) = tokio::join!(token(&tokens), token(&tokens));
    assert_eq!((a.as_str(), b.as_str()), ("one", "one"));
    clock.advance(TimeDelta::minutes(54));
    assert_eq!(token(&tokens).await, "one");
    clock.advance(TimeDelta::minutes(2));
    assert_eq!(token(&tokens).await, "two");
    tokens.forget().await;
    assert_eq!(token(&tokens).await, "three");
    let asked = provider.asked();
    assert_eq!(asked.len(), 3);
    assert_eq!(asked[0], "client_id=desk&grant_type=client_credentials&client_secret=s3cret&scope=mail");
}

#[tokio::test]
async fn a_newer_refresh_token_takes_the_place_of_the_configured_one() {
    let answers = [
        (200, r#"{"access_token":"one","expires_in":60,"refresh_token":"newer"}"#),
        (200, r#"{"access_token":"two"}"#),
    ];
    let (tokens, provider, clock) = source(Grant::RefreshToken("first".to_owned().into()), &answers).await;
    assert_eq!(token(&tokens).await, "one");
    clock.advance(TimeDelta::seconds(29));
    assert_eq!(token(&tokens).await, "one", "a short token is used for half of its life");
    clock.advance(TimeDelta::seconds(2));
    assert_eq!(token(&tokens).await, "two");
    let asked = provider.asked();
    assert!(asked[0].contains("refresh_token=first") && asked[1].contains("refresh_token=newer"), "{asked:?}");
}

#[tokio::test]
async fn every_refusal_names_the_account_and_the_way_out_and_no_secret() {
    for (status, body, wanted) in [
        (400, r#"{"error":"invalid_grant","error_description":"AADSTS70008: expired\nTrace ID: 1"}"#, "consent again"),
        (401, r#"{"error":"invalid_client"}"#, "make a new secret"),
        (400, r#"{"error":"unauthorized_client"}"#, "may not use this grant"),
        (400, r#"{"error":"invalid_scope"}"#, "the scope in the config"),
        (404, "<html>not found</html>", "check token_url"),
        (200, "{}", "without access_token"),
        (503, "busy", "it is tried again"),
        (429, "slow down", "it is tried again"),
        (302, "", "check token_url"),
    ] {
        let (tokens, _, _) = source(Grant::ClientCredentials, &[(status, body)]).await;
        let text = tokens.token().await.unwrap_err().to_string();
        assert!(text.starts_with("[oauth.m365]: no OAuth token") && text.contains(wanted), "{status}: {text}");
        assert!(!text.contains("s3cret") && !text.contains("Trace"), "{text}");
    }
}

#[tokio::test]
async fn after_a_failure_the_next_call_asks_again() {
    let (tokens, _, _) = source(Grant::ClientCredentials, &[(503, ""), (200, r#"{"access_token":"one"}"#)]).await;
    assert!(tokens.token().await.is_err());
    assert_eq!(token(&tokens).await, "one");
}
