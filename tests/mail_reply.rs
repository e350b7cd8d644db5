//! The new text of replies, measured on public replies and on traps of our own.

use deskd::mail::reply::{MARKER, from_html, from_plain, from_plain_counted, new_text, without_signature};
use proptest::prelude::*;

use deskd::mail::parse::parse as mail;

use crate::harness::{say, testdata};

fn fold(text: &str) -> String {
    text.replace('\u{200b}', "").split_whitespace().collect::<Vec<_>>().join(" ")
}

#[derive(Default, Debug)]
struct Figures {
    cases: usize,
    exact: usize,
    signed: usize,
    leak: usize,
    leak_sure: usize,
    loss: usize,
    unsure: usize,
}

#[test]
fn public_replies_are_taken_apart() {
    let Some(folder) = testdata("reply/unified") else { return };
    let mut figures = Figures::default();
    let mut names: Vec<_> = std::fs::read_dir(&folder).unwrap().map(|e| e.unwrap().path()).collect();
    names.sort();
    let outdir = std::env::var_os("DESKD_REPLY_OUT");
    for path in names.iter().filter(|p| p.extension().is_some_and(|e| e == "txt" || e == "eml" || e == "html")) {
        let bytes = std::fs::read(path).unwrap();
        let kind = path.extension().unwrap().to_str().unwrap();
        let text = String::from_utf8_lossy(&bytes);
        let found = match kind {
            "txt" => from_plain(&text),
            "html" => from_html(&text),
            _ => new_text(&mail(&bytes)),
        };
        let output = without_signature(&found.text);
        let want = fold(&std::fs::read_to_string(path.with_extension("expected")).unwrap());
        let checks: serde_json::Value =
            serde_json::from_slice(&std::fs::read(path.with_extension("checks.json")).unwrap()).unwrap();
        let list =
            |key: &str| checks[key].as_array().unwrap().iter().map(|v| fold(v.as_str().unwrap())).collect::<Vec<_>>();
        let got = fold(output);
        if let Some(dir) = &outdir {
            let name = path.file_stem().unwrap().to_str().unwrap();
            std::fs::write(std::path::Path::new(dir).join(format!("{name}.out")), output).unwrap();
        }
        let leak = list("must_not").iter().any(|line| line.chars().count() >= 12 && got.contains(line.as_str()));
        let tail = got.strip_prefix(&want).map(str::trim).unwrap_or_default();
        let signed = got != want && !tail.is_empty() && !leak && fold(&list("grey").join(" ")).starts_with(tail);
        figures.cases += 1;
        figures.exact += usize::from(got == want);
        figures.signed += usize::from(signed);
        figures.leak += usize::from(leak);
        figures.leak_sure += usize::from(leak && found.sure);
        figures.loss += usize::from(list("must").iter().any(|line| !got.contains(line.as_str())));
        if leak && found.sure {
            println!("leaks, and is sure of it: {}", path.display());
        }
        figures.unsure += usize::from(!found.sure);
    }
    say(&format!("reply text: {figures:?}"));
    assert!(figures.cases >= 191 && (figures.exact + figures.signed) * 100 >= figures.cases * 92, "{figures:?}");
    assert!(figures.leak * 100 <= figures.cases * 2 && figures.loss * 100 <= figures.cases * 4, "{figures:?}");
    // The one that is left is an author's own name below the text, which its case calls quoted.
    assert!(figures.leak_sure <= 1 && figures.unsure * 10 <= figures.cases, "{figures:?}");
}

/// A tech's answer to an assignment mail, as each program writes it. `NAME.expected` has the words; its first line UNSURE says that
/// nothing of it may be relayed.
#[test]
fn answers_to_our_own_notices_hold_the_techs_words_alone() {
    let folder = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/mail");
    let mut wrong = Vec::new();
    let mut count = 0;
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        let name = path.file_name().unwrap().to_str().unwrap().to_owned();
        if !name.starts_with("reply-") || !name.ends_with(".eml") {
            continue;
        }
        count += 1;
        let want = std::fs::read_to_string(path.with_extension("expected")).unwrap();
        let sure = !want.starts_with("UNSURE");
        let want = without_signature(want.trim_start_matches("UNSURE").trim()).to_owned();
        let found = new_text(&mail(&std::fs::read(&path).unwrap()));
        let got = without_signature(&found.text);
        if fold(got) != fold(&want) || found.sure != sure {
            wrong.push(format!("{name}: sure {}, {got:?}, want {want:?}", found.sure));
        }
    }
    say(&format!("own mails: {} of {count} hold exactly the words", count - wrong.len()));
    assert!(count >= 40 && wrong.is_empty(), "{wrong:#?}");
}

#[test]
fn everything_below_the_marker_is_cut_also_quoted_and_wrapped() {
    for below in [MARKER.to_string(), format!("> {MARKER}"), "> -- deskd: write\n> above this line --".to_string()] {
        let found = from_plain(&format!("Fixed it.\n\n{below}\nInternal: the client owes us."));
        assert_eq!(found.text, "Fixed it.");
        assert!(found.quoted.contains("owes us"));
    }
}

/// Every introduction with every way of quoting: the words alone, and nothing of the notice whatever the program's language.
#[test]
fn no_introduction_and_no_way_of_quoting_lets_a_notice_through() {
    let notice = format!(
        "{MARKER}\n\n#1042 is yours: P3 normal, Acme.\n\nSubject: Scanner\nFrom: Jane <jane@acme.example>\n\nThe client owes us money."
    );
    let introductions = [
        "",
        "On Mon, 23 Nov 2026 at 09:12, Northwind IT <help+rk3v9x2m4q7c1n8d5b6w0z3y4t2a@n.example> wrote:",
        "On Mon, 23 Nov 2026 at 09:12, Northwind IT\n<help+rk3v9x2m4q7c1n8d5b6w0z3y4t2a@n.example>\nwrote:",
        "Northwind IT <help+rk3v9x2m4q7c1n8d5b6w0z3y4t2a@n.example> shkroi më 23.11.2026:",
        "23.11.2026 09:12, Northwind IT:",
        "Northwind IT (help+rk3v9x2m4q7c1n8d5b6w0z3y4t2a@n.example), 23 nov. 2026",
        "-----Algupärane kiri-----\nKellelt: Northwind IT <help+rk3v9x2m4q7c1n8d5b6w0z3y4t2a@n.example>\nSaadetud: 23. november 2026 09:12\nKellele: Sam\nTeema: x",
        "________________________________\nOddi wrth: Northwind IT <help+rk3v9x2m4q7c1n8d5b6w0z3y4t2a@n.example>\nAnfonwyd: 23 Tachwedd 2026 09:12\nAt: Sam\nPwnc: x",
        "Northwind IT wrote:",
        "Le 23/11/2026 à 09:12, Northwind IT a écrit :",
        "2026-11-23 09:12 GMT+01:00 Northwind IT <help+rk3v9x2m4q7c1n8d5b6w0z3y4t2a@n.example>:",
        "From: Northwind IT <help+rk3v9x2m4q7c1n8d5b6w0z3y4t2a@n.example>\nDate: Monday, 23 November 2026 at 09:12\nTo: Sam <sam@n.example>\nSubject: x\n\nP3 normal, first answer due 14:00",
        "*From:* Northwind IT <help+rk3v9x2m4q7c1n8d5b6w0z3y4t2a@n.example>\n*Sent:* Monday, November 23, 2026 9:12 AM\n*To:* Sam\n*Subject:* x",
        "---- On Mon, 23 Nov 2026 09:12:00 +0100 Northwind IT <help+rk3v9x2m4q7c1n8d5b6w0z3y4t2a@n.example> wrote ----",
        "Northwind IT <help+rk3v9x2m4q7c1n8d5b6w0z3y4t2a@n.example> schrieb am Mo., 23. Nov. 2026, 09:12:",
    ];
    let (mut all, mut sure) = (0, 0);
    for words in [
        "Hi Jane, it works again.\n\n#done 25m",
        "Write to kim@vendor.example before 10:30.\n\nFrom 3 March 2026 on they answer to help@vendor.example",
        "#done\u{a0}25m\n\nHi Jane,\nsee you at 10:30.\n\nKind regards\nSam",
        "ok",
    ] {
        for introduction in introductions {
            for prefix in ["", "> ", ">", "| ", "    ", ">> "] {
                let quoted = notice.lines().map(|line| format!("{prefix}{line}\n")).collect::<String>();
                let text = format!("{words}\n\n{introduction}\n\n{quoted}");
                let page = text.replace('&', "&amp;").replace('<', "&lt;").replace('\n', "<br>\n");
                let inner = format!(
                    "<div>{}</div><blockquote>{quoted}</blockquote>",
                    format!("{words}\n\n{introduction}").replace('<', "&lt;").replace('\n', "<br>")
                );
                for found in [from_plain(&text), from_html(&page), from_html(&inner)] {
                    (all, sure) = (all + 1, sure + usize::from(found.sure));
                    assert!(
                        !found.text.contains("owes us") && !found.text.contains("help+rk3"),
                        "{text}\n---\n{found:?}"
                    );
                    assert!(!found.sure || fold(&found.text) == fold(words), "{text}\n---\n{found:?}");
                }
            }
        }
    }
    say(&format!("introductions and ways of quoting: sure in {sure} of {all}"));
    assert!(sure * 100 >= all * 85, "sure in {sure} of {all}");
}

#[test]
fn answers_between_quotes_stay_and_the_quotes_go() {
    let found = from_plain(
        "On 3 Mar 2026, at 9:12, Kim <kim@acme.example> wrote:\n\n> Which port?\n\n8443.\n\n> And when?\n\nTonight.",
    );
    assert_eq!(found.text, "8443.\n\nTonight.");
    assert!(found.sure);
}

#[test]
fn typed_lines_that_resemble_headers_stay() {
    let text = "From: the vendor manual, page 12.\nOn Monday they promised an answer: I will call at 10:00.\nHe wrote: restart it.";
    assert_eq!(from_plain(text).text, text);
}

#[test]
fn a_forward_within_a_reply_is_not_relayed_unasked() {
    let found = from_plain(
        "See below.\n\n---------- Forwarded message ---------\nFrom: a@b.example\nDate: Tue, 3 Mar 2026\nSubject: x\nTo: c@d.example\n\nSecret",
    );
    assert_eq!(found.text, "See below.");
    assert!(!found.sure);
}

#[test]
fn the_signature_goes_only_where_it_is_certain() {
    assert_eq!(without_signature("Done.\n-- \nKim"), "Done.");
    assert_eq!(without_signature("Done.\n\nVon meinem iPhone gesendet"), "Done.");
    assert_eq!(
        without_signature("Sent from the warehouse to you yesterday, it is on its way."),
        "Sent from the warehouse to you yesterday, it is on its way."
    );
}

#[test]
fn a_hostile_body_costs_a_constant_number_of_looks_a_line() {
    for line in ["> On ", "On ", "On 3 Mar 2026 <a@b.example\n", "From: a\nx\n", "-----\n"] {
        let text = format!("{line}\n").repeat(2_000_000 / (line.len() + 1));
        let (_, looks) = from_plain_counted(&text);
        assert!(looks <= 40 * text.lines().count(), "{line}: {looks}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, ..ProptestConfig::default() })]
    #[test]
    fn no_text_makes_the_readers_fail(text in "(?s).{0,400}", markup in "(<[a-z/!]{0,6}[^<]{0,20}>?|&[a-z#0-9]{0,5};?|[ \\na-zé>]{0,9}){0,60}") {
        let _ = from_plain(&text);
        let _ = from_html(&text);
        let _ = from_html(&markup);
    }
}
