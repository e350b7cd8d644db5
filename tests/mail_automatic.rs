//! Signs of automatic mail, measured on public bounces, replies and reports.

use deskd::mail::automatic::{Kind, sign};
use serde_json::Value;

use deskd::mail::parse::parse as mail;

use crate::harness::testdata;

fn matches(label: &str, kind: Kind) -> bool {
    match label {
        "bounce" | "delayed" => kind == Kind::Bounce,
        "auto-reply" => kind == Kind::AutoReply,
        "feedback-report" | "machine-report" => kind == Kind::Report,
        "human" | "read-receipt-request" => kind == Kind::Human,
        "bounce-unparsable-or-other" => kind != Kind::Human,
        _ => kind != Kind::Bounce,
    }
}

#[test]
fn public_automatic_mails_are_recognised() {
    let Some(folder) = testdata("auto-bounce") else { return };
    let labels: Vec<Value> = serde_json::from_slice(&std::fs::read(folder.join("labels.json")).unwrap()).unwrap();
    let (mut right, mut answers, mut answered_bounces, mut listed, mut addresses) = (0, 0, 0, 0, 0);
    let (mut coded, mut codes, mut graded, mut hard) = (0, 0, 0, 0);
    let mut wrong = Vec::new();
    for entry in &labels {
        let name = entry["file"].as_str().unwrap();
        let raw = std::fs::read(folder.join(name)).unwrap();
        let found = sign(&mail(&raw), &raw);
        let label = entry["label"].as_str().unwrap();
        let fits = matches(label, found.kind);
        right += usize::from(fits);
        if !fits {
            wrong.push(format!("{name}: {label}, got {:?} ({})", found.kind, found.why));
        }
        let answer = entry["send_auto_response"].as_str().unwrap();
        let fits = answer == "?" || (answer == "yes") == found.may_answer;
        answers += usize::from(fits);
        if !fits {
            wrong.push(format!("{name}: answer {answer}"));
        }
        answered_bounces += usize::from(found.may_answer && matches!(label, "bounce" | "delayed"));
        let details = &entry["details"];
        if let (Some(permanent), Some(temporary)) = (details["permanent"].as_array(), details["temporary"].as_array()) {
            let mut want: Vec<String> =
                permanent.iter().chain(temporary).map(|v| v.as_str().unwrap().to_lowercase()).collect();
            want.sort();
            want.dedup();
            let mut got = found.failed.clone();
            got.sort();
            listed += 1;
            addresses += usize::from(got == want);
            if got != want {
                wrong.push(format!("{name}: addresses {got:?}, want {want:?}"));
            }
        }
        if let Some(first) =
            details["recipients"].as_array().and_then(|list| list.first()).filter(|_| label == "bounce")
        {
            let code = first["dsn"].as_str().unwrap_or_default();
            // Codes such as 5.0.911 are the labels' own invention; a mail can only be read for one that it carries.
            let carried = !code.is_empty() && (raw.windows(code.len()).any(|window| window == code.as_bytes()));
            coded += usize::from(carried);
            codes += usize::from(carried && found.status.as_deref() == Some(code));
            if carried && found.status.as_deref() != Some(code) {
                wrong.push(format!("{name}: status {:?}, want {code}", found.status));
            }
            graded += 1;
            let fits = found.hard.unwrap_or(false) == first["hard"].as_bool().unwrap_or(false);
            hard += usize::from(fits);
            if !fits {
                wrong.push(format!("{name}: hard {:?}, {} {:?}", found.hard, first["reason"], found.status));
            }
        }
    }
    println!(
        "automatic: label {right} of {}, answer {answers}, answered bounces {answered_bounces}, addresses {addresses} of {listed}, status {codes} of {coded}, hard {hard} of {graded}",
        labels.len()
    );
    if std::env::var_os("DESKD_SHOW").is_some() {
        println!("{wrong:#?}");
    }
    assert_eq!(answered_bounces, 0);
    assert!(right * 100 >= labels.len() * 90 && answers * 100 >= labels.len() * 97, "{wrong:#?}");
}
