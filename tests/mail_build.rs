//! Writing mail: the bytes that the outbox keeps, read back by our own parser.

use chrono::{DateTime, Utc};
use deskd::mail::build::{Outgoing, Voice, build};
use deskd::mail::parse::parse;
use deskd::mail::{Attachment, Mailbox};
use proptest::prelude::*;

fn mailbox(name: &str, address: &str) -> Mailbox {
    Mailbox { name: name.to_owned(), address: address.to_owned() }
}

fn outgoing() -> Outgoing {
    Outgoing {
        from: mailbox("Northwind IT", "support@northwind.example"),
        to: mailbox("Jane Roe", "jane@acme-dental.example"),
        cc: Vec::new(),
        reply_to: None,
        message_id: "abc.1@northwind.example".to_owned(),
        in_reply_to: None,
        references: Vec::new(),
        subject: "Re: printer".to_owned(),
        date: "2026-11-23T07:00:00Z".parse::<DateTime<Utc>>().unwrap(),
        text: "Hello Jane".to_owned(),
        html: None,
        attachments: Vec::new(),
        voice: Voice::Human,
    }
}

fn file(name: &str, content_type: &str, content_id: Option<&str>, bytes: &[u8]) -> Attachment {
    let inline = content_id.is_some();
    Attachment {
        name: name.into(),
        content_type: content_type.into(),
        content_id: content_id.map(Into::into),
        inline,
        decoration: false,
        bytes: bytes.into(),
    }
}

/// Header names of the top header, and that every line is short, 7-bit and ends in CRLF.
fn checked_names(bytes: &[u8]) -> Vec<String> {
    let text = std::str::from_utf8(bytes).unwrap();
    assert!(text.is_ascii());
    for line in text.split("\r\n") {
        assert!(line.len() <= 998 && !line.contains(['\r', '\n', '\0']), "{line:?}");
    }
    let (header, _) = text.split_once("\r\n\r\n").unwrap();
    header
        .split("\r\n")
        .filter(|line| !line.starts_with(' '))
        .map(|line| line.split(':').next().unwrap().to_owned())
        .collect()
}

#[test]
fn a_plain_mail_has_exactly_the_headers_of_a_human_and_reads_back() {
    let bytes = build(&outgoing()).unwrap();
    let names = checked_names(&bytes);
    assert_eq!(
        names,
        [
            "Date",
            "From",
            "To",
            "Subject",
            "Message-ID",
            "X-Deskd-Loop",
            "MIME-Version",
            "Content-Type",
            "Content-Transfer-Encoding"
        ]
    );
    let mail = parse(&bytes);
    assert_eq!(mail.from, [outgoing().from]);
    assert_eq!(mail.to, [outgoing().to]);
    assert_eq!(mail.date, Some(outgoing().date));
    assert_eq!(mail.message_id.as_deref(), Some("abc.1@northwind.example"));
    assert_eq!(mail.header("x-deskd-loop"), Some("northwind.example"));
    assert_eq!(mail.text, "Hello Jane");
}

#[test]
fn automatic_mail_says_that_it_is_automatic() {
    let reply = parse(&build(&Outgoing { voice: Voice::Reply, ..outgoing() }).unwrap());
    assert_eq!(reply.header("auto-submitted"), Some("auto-replied"));
    assert_eq!(reply.header("x-auto-response-suppress"), Some("All"));
    assert_eq!(reply.header("precedence"), Some("auto_reply"));
    let notice = parse(&build(&Outgoing { voice: Voice::Notice, ..outgoing() }).unwrap());
    assert_eq!(notice.header("auto-submitted"), Some("auto-generated"));
    assert_eq!(notice.header("precedence"), None);
}

#[test]
fn pictures_and_attachments_arrive_with_their_names_and_bytes() {
    let attachments = vec![
        file("Überblick 漢字 \"neu\".pdf", "application/pdf", None, b"%PDF\0\xff"),
        file("logo.png", "image/png", Some("logo@x"), b"\x89PNG"),
        file("old mail.eml", "message/rfc822", None, b"From: a@b.example\nSubject: x\n\nhi\n"),
        file("notes.txt", "text/plain", None, "größer".as_bytes()),
    ];
    let html = Some("<p>See <img src=\"cid:logo@x\"></p>".to_owned());
    let bytes = build(&Outgoing { html: html.clone(), attachments, ..outgoing() }).unwrap();
    checked_names(&bytes);
    let mail = parse(&bytes);
    assert_eq!(mail.text, "Hello Jane");
    assert_eq!(mail.html.as_deref().map(str::trim_end), html.as_deref());
    let seen: Vec<_> = mail
        .attachments
        .iter()
        .map(|file| (file.name.as_str(), file.content_type.as_str(), file.inline, file.bytes.len()))
        .collect();
    assert_eq!(
        seen,
        [
            ("logo.png", "image/png", true, 4),
            ("Überblick 漢字 _neu_.pdf", "application/pdf", false, 6),
            ("old mail.eml", "message/rfc822", false, 37),
            ("notes.txt", "text/plain", false, 8),
        ]
    );
}

#[test]
fn nothing_that_people_write_can_add_a_header() {
    let benign = checked_names(&build(&outgoing()).unwrap());
    for evil in [
        "x\r\nBcc: evil@x.example",
        "x\nBcc: evil@x.example",
        "x\rBcc: e@x",
        "x\0y",
        "a\u{2028}Bcc: e@x",
        "=?utf-8?q?a=0D=0ABcc:x?=",
    ] {
        let mut mail = Outgoing { subject: evil.to_owned(), to: mailbox(evil, "jane@acme.example"), ..outgoing() };
        mail.in_reply_to = Some(format!("{evil}@x"));
        mail.references = vec![format!("{evil}@x"), "fine@x.example".to_owned()];
        mail.attachments = vec![file(evil, "image/png", Some(evil), b"x"), file("y", evil, None, b"y")];
        let bytes = build(&mail).unwrap();
        let mut names = checked_names(&bytes);
        names.retain(|name| !matches!(name.as_str(), "In-Reply-To" | "References" | "Content-Transfer-Encoding"));
        assert_eq!(names, benign[..benign.len() - 1]);
        assert!(!String::from_utf8(bytes).unwrap().contains("\nBcc"));
        assert!(build(&Outgoing { to: mailbox("x", &format!("{evil}@acme.example")), ..outgoing() }).is_err());
        assert!(
            build(&Outgoing { message_id: format!("{evil}@acme.example"), ..outgoing() }).is_err()
                || evil.starts_with("=?")
        );
    }
}

#[test]
fn addresses_that_strict_libraries_refuse_are_written() {
    for (address, written) in [
        ("a..b@docomo.ne.jp", "a..b@docomo.ne.jp"),
        (".dot.@x.example", ".dot.@x.example"),
        ("info@müller.example", "info@xn--mller-kva.example"),
        ("o'hara+tag@x.example", "o'hara+tag@x.example"),
        ("\"john doe\"@x.example", "\"john doe\"@x.example"),
    ] {
        let mail = parse(&build(&Outgoing { to: mailbox("Müller, Hans (IT) <x>", address), ..outgoing() }).unwrap());
        assert_eq!(mail.to[0].name, "Müller, Hans (IT) <x>");
        assert_eq!(mail.to[0].address.replace('"', ""), written.replace('"', ""));
    }
}

#[test]
fn long_references_keep_the_first_and_the_last_twenty() {
    let references: Vec<String> = (0..500).map(|n| format!("{n}.{}@mail.example", "x".repeat(60))).collect();
    let bytes =
        build(&Outgoing { references: references.clone(), in_reply_to: references.last().cloned(), ..outgoing() })
            .unwrap();
    checked_names(&bytes);
    let mail = parse(&bytes);
    assert_eq!(mail.references.len(), 21);
    assert_eq!(mail.references[0], references[0]);
    assert_eq!(mail.references[1..], references[480..]);
    assert_eq!(mail.in_reply_to, references[499..]);
}

#[test]
fn a_hundred_thousand_letters_on_one_line_are_folded_for_the_wire() {
    let long = "x".repeat(100_000);
    let bytes = build(&Outgoing {
        text: long.clone(),
        subject: long.clone(),
        html: Some(format!("<p>{long}</p>")),
        ..outgoing()
    })
    .unwrap();
    checked_names(&bytes);
    let mail = parse(&bytes);
    assert_eq!(mail.text, long);
    assert_eq!(mail.subject, long);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]
    #[test]
    fn any_text_and_subject_survive_the_way_out_and_in(
        text in "(\\PC|\n|\t){0,300}",
        subject in "\\PC{0,120}",
        name in "\\PC{0,60}",
    ) {
        // A header is one line: what separates lines becomes a blank, what controls goes.
        let blank = |ch| if matches!(ch, '\u{2028}' | '\u{2029}') { ' ' } else { ch };
        let clean = |s: &str| s.chars().map(blank).filter(|ch| !ch.is_control()).collect::<String>().trim().to_owned();
        let mail = Outgoing { text: text.clone(), subject: subject.clone(), to: mailbox(&name, "jane@acme.example"), ..outgoing() };
        let bytes = build(&mail).unwrap();
        let names = checked_names(&bytes);
        prop_assert_eq!(&names[..7], ["Date", "From", "To", "Subject", "Message-ID", "X-Deskd-Loop", "MIME-Version"]);
        let read = parse(&bytes);
        prop_assert_eq!(read.text, text.trim_end_matches('\n').trim_start_matches('\u{feff}'));
        prop_assert_eq!(read.subject, clean(&subject));
        prop_assert_eq!(&read.to[0].address, "jane@acme.example");
        let squeeze = |s: &str| s.split_whitespace().collect::<Vec<_>>().join(" ");
        prop_assert_eq!(squeeze(&read.to[0].name), squeeze(&clean(&name)));
    }
}
