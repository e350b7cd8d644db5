//! Forwarded mails of many programs and languages.

use deskd::mail::Mail;
use deskd::mail::forward::forwarded;
use serde_json::Value;

use crate::harness::{say, testdata};

fn fold(text: &str) -> String {
    text.replace(['\u{feff}', '>'], "").split_whitespace().collect::<Vec<_>>().join(" ")
}

fn addresses(value: &Value) -> Vec<String> {
    value
        .as_array()
        .map(|list| list.iter().filter_map(|v| v["address"].as_str()).map(str::to_string).collect())
        .unwrap_or_default()
}

#[test]
fn public_forwards_are_taken_apart() {
    let Some(folder) = testdata("reply/forwards") else { return };
    let mut paths: Vec<_> = std::fs::read_dir(folder)
        .unwrap()
        .map(|e| e.unwrap().path())
        .filter(|p| p.extension().is_some_and(|e| e == "txt"))
        .collect();
    paths.sort();
    let (mut cases, mut known, mut named, mut fields) = (0, 0, 0, [0_usize; 7]);
    let mut wrong = Vec::new();
    for path in paths {
        let want: Value =
            serde_json::from_slice(&std::fs::read(path.with_extension("expected.json")).unwrap()).unwrap();
        let mail = Mail {
            text: std::fs::read_to_string(&path).unwrap().replace('\r', ""),
            has_plain: true,
            subject: want["subject_header"].as_str().unwrap_or_default().to_string(),
            ..Mail::default()
        };
        let found = forwarded(&mail);
        cases += 1;
        let is_forward = want["forwarded"].as_bool().unwrap_or(true);
        known += usize::from(found.is_some() == is_forward);
        let name = path.file_stem().unwrap().to_string_lossy().to_string();
        if found.is_some() != is_forward {
            wrong.push(format!("{name}: forward"));
        }
        let (Some(found), Some(email)) = (found, want.get("email").filter(|e| e.is_object())) else { continue };
        named += 1;
        let text = |value: &Value| fold(value.as_str().unwrap_or_default());
        let list = |list: &[deskd::mail::Mailbox]| list.iter().map(|m| m.address.clone()).collect::<Vec<_>>();
        let from = found.from.clone();
        let right = [
            from.as_ref().map(|m| m.address.clone()).unwrap_or_default() == text(&email["from"]["address"])
                && from.map(|m| m.name).unwrap_or_default() == text(&email["from"]["name"]),
            list(&found.to) == addresses(&email["to"]),
            list(&found.cc) == addresses(&email["cc"]),
            fold(found.subject.as_deref().unwrap_or_default()) == text(&email["subject"]),
            fold(found.date.as_deref().unwrap_or_default()) == text(&email["date"]),
            fold(&found.body) == text(&email["body"]),
            fold(found.message.as_deref().unwrap_or_default()) == text(&want["message"]),
        ];
        for (i, field) in ["from", "to", "cc", "subject", "date", "body", "message"].into_iter().enumerate() {
            fields[i] += usize::from(right[i]);
            if !right[i] {
                wrong.push(format!("{name}: {field}"));
            }
        }
    }
    say(&format!(
        "forwards: {known} of {cases} recognised; of {named}: from, to, cc, subject, date, body, message {fields:?}"
    ));
    if std::env::var_os("DESKD_SHOW").is_some() {
        println!("{wrong:#?}");
    }
    assert!(known * 100 >= cases * 90, "{wrong:#?}");
}
