//! Reading mail: real ones, broken ones, and ones made to hurt.

use std::time::Instant;

use deskd::mail::guard::{self, TooMuch};
use deskd::mail::html;
use deskd::mail::parse::{content_hash, headers_only, parse};

use crate::harness::{say, testdata};

/// Runs on the stack that a tokio worker has.
fn on_small_stack<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    std::thread::Builder::new().stack_size(2 * 1024 * 1024).spawn(work).unwrap().join().unwrap()
}

fn safe_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= 200
        && !name.chars().any(|ch| ch.is_control() || matches!(ch, '/' | '\\' | '\u{202e}' | '\u{200b}'))
}

#[test]
fn every_real_mail_is_read_as_its_index_says() {
    let Some(folder) = testdata("raw-emails") else { return };
    let index = std::fs::read_to_string(folder.join("index.tsv")).unwrap();
    let (mut count, mut attachments_right, mut fewer, mut counted, mut odd) = (0, 0, 0, 0, Vec::new());
    for line in index.lines().skip(1) {
        let columns: Vec<&str> = line.split('\t').collect();
        let raw = std::fs::read(folder.join(columns[1])).unwrap();
        let (attachments, defects) = (columns[7], columns[10]);
        count += 1;
        guard::check(&raw).unwrap();
        let mail = on_small_stack(move || parse(&raw));
        assert!(mail.attachments.iter().all(|file| safe_name(&file.name)), "{}", columns[1]);
        assert!(!mail.text.contains('\0') && !mail.subject.chars().any(char::is_control), "{}", columns[1]);
        if defects == "0" {
            counted += 1;
            let wanted: usize = attachments.parse().unwrap();
            let found = mail.attachments.len();
            attachments_right += usize::from(found == wanted);
            fewer += usize::from(found < wanted);
            if found != wanted {
                odd.push(format!("{} {found} for {wanted}", columns[1]));
            }
        }
    }
    say(&format!(
        "{count} real mails read, attachments as in the index {attachments_right} of {counted}, fewer {fewer}"
    ));
    // The index counts only what calls itself an attachment; we also keep packed mails and reports. None may be lost but a text that
    // is the mail's only one.
    assert!(
        attachments_right * 10 >= counted * 8 && fewer <= 3,
        "{attachments_right} of {counted}\n{}",
        odd.join("\n")
    );
}

#[test]
fn bytes_flipped_in_real_mails_never_panic() {
    let Some(folder) = testdata("raw-emails") else { return };
    let index = std::fs::read_to_string(folder.join("index.tsv")).unwrap();
    let started = Instant::now();
    let mut state = 0x9E37_79B9_u64;
    let mut next = move |below: usize| {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
        (state >> 33) as usize % below.max(1)
    };
    let mut runs = 0;
    'all: for round in 0.. {
        for line in index.lines().skip(1) {
            let file = line.split('\t').nth(1).unwrap();
            let mut raw = std::fs::read(folder.join(file)).unwrap();
            if raw.len() > 50_000 && round > 0 {
                continue;
            }
            for _ in 0..1 + raw.len() / 500 {
                let at = next(raw.len());
                if let Some(byte) = raw.get_mut(at) {
                    *byte = [next(256) as u8, b'\n', b'=', b'-', b':', 0, b'"', b'<'][next(8)];
                }
            }
            parse(&raw);
            runs += 1;
            if started.elapsed().as_secs() >= 4 {
                break 'all;
            }
        }
    }
    println!("{runs} damaged mails");
}

fn nested_messages(count: usize) -> Vec<u8> {
    let mut raw = b"From: a@b.example\r\nSubject: bomb\r\n".to_vec();
    for _ in 0..count {
        raw.extend_from_slice(b"Content-Type: message/rfc822\r\n\r\n");
    }
    raw.extend_from_slice(b"Subject: end\r\n\r\nx\r\n");
    raw
}

fn nested_multiparts(count: usize) -> Vec<u8> {
    let mut raw = b"From: a@b.example\r\nSubject: bomb\r\n".to_vec();
    for n in 0..count {
        raw.extend_from_slice(format!("Content-Type: multipart/mixed; boundary=b{n}\r\n\r\n--b{n}\r\n").as_bytes());
    }
    raw
}

#[test]
fn mail_bombs_are_refused_and_their_header_is_read() {
    on_small_stack(|| {
        assert_eq!(guard::check(&nested_messages(33_000)), Err(TooMuch::Messages(201)));
        assert_eq!(guard::check(&nested_multiparts(100_000)), Err(TooMuch::Multiparts(201)));
        let folded = String::from_utf8(nested_messages(33_000))
            .unwrap()
            .replace("Content-Type: message/", "CONTENT-type :\r\n\tMessage / (x) ");
        assert_eq!(guard::check(folded.as_bytes()), Err(TooMuch::Messages(201)));
        let lines = format!("From: a@b.example\r\nSubject: bomb\r\n{}\r\n", "a:\r\n".repeat(1_000_000));
        assert_eq!(guard::check(lines.as_bytes()), Err(TooMuch::HeaderLines(5_001)));
        let long = format!("From: a@b.example\r\nSubject: bomb\r\nX: {}\r\n\r\n", "(".repeat(2_000_000));
        assert!(matches!(guard::check(long.as_bytes()), Err(TooMuch::HeaderBytes(_))));
        let people = format!("From: a@b.example\r\nSubject: bomb\r\nTo: {}\r\n\r\n", "a@b,".repeat(50_000));
        assert!(matches!(guard::check(people.as_bytes()), Err(TooMuch::Addresses(_))));
        let flat = format!(
            "From: a@b.example\r\nSubject: bomb\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n{}",
            "--b\r\n\r\n".repeat(1_000_000)
        );
        assert!(matches!(guard::check(flat.as_bytes()), Err(TooMuch::Parts(4_001))));
        let inner = format!(
            "From: a@b.example\r\nSubject: bomb\r\nContent-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n{}\r\n",
            "a:\r\n".repeat(1_000_000)
        );
        assert!(matches!(guard::check(inner.as_bytes()), Err(TooMuch::PartHeaderBytes(_))));
        for raw in [
            nested_messages(33_000),
            nested_multiparts(100_000),
            lines.into(),
            long.into(),
            people.into(),
            flat.into(),
            inner.into(),
        ] {
            for mail in [headers_only(&raw), parse(&raw)] {
                assert_eq!((mail.subject.as_str(), mail.from[0].address.as_str()), ("bomb", "a@b.example"));
                assert!(mail.text.is_empty());
            }
        }
    });
    assert_eq!(
        TooMuch::Messages(201).to_string(),
        "the mail has at least 201 mails packed into it; deskd reads mails with up to 200"
    );
}

#[test]
fn a_bomb_inside_base64_stays_an_attachment() {
    let inner = data_encoding::BASE64_MIME.encode(&nested_messages(33_000));
    let raw = format!(
        "Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\n\r\nhi\r\n--b\r\nContent-Type: message/rfc822\r\nContent-Transfer-Encoding: base64\r\n\r\n{inner}\r\n--b--\r\n"
    );
    let mail = on_small_stack(move || parse(raw.as_bytes()));
    assert_eq!(mail.text, "hi");
    assert_eq!(
        (mail.attachments[0].name.as_str(), mail.attachments[0].content_type.as_str()),
        ("bomb.eml", "message/rfc822")
    );
}

#[test]
fn two_from_headers_are_counted_and_all_addresses_kept() {
    let mail = parse(b"From: A <a@x.example>\r\nFr om : b@y.example, c@y.example\r\nSubject: s\r\n\r\nt");
    assert_eq!(mail.from_fields, 2);
    assert_eq!(
        mail.from.iter().map(|from| from.address.as_str()).collect::<Vec<_>>(),
        ["a@x.example", "b@y.example", "c@y.example"]
    );
    assert_eq!(mail.single_from(), None);
    let group = parse(b"From: Team: Jo <jo@x.example>, al@x.example;\r\n\r\nt");
    assert_eq!((group.from_fields, group.from.len()), (1, 2));
}

#[test]
fn empty_and_headerless_mails_are_mails() {
    for raw in [&b""[..], b"\r\n", b"\r\n\r\n", b"\0\0\0", b"no header at all", b":\n:\n", b"From "] {
        let mail = parse(raw);
        assert_eq!((mail.message_id, mail.from_fields), (None, 0), "{raw:?}");
    }
    assert_eq!(parse(b"Subject: x\r\n\r\nbody").text, "body");
}

#[test]
fn eight_bit_headers_are_guessed() {
    for (bytes, expected) in [
        (&b"\xc3\xa4rger mit dem Drucker"[..], "ärger mit dem Drucker"),
        (b"Drucker l\xe4uft nicht, gr\xfc\xdfe", "Drucker läuft nicht, grüße"),
        (b"la instalaci\xf3n no funciona", "la instalación no funciona"),
        (b"l'imprimante est cass\xe9e, merci Andr\xe9", "l'imprimante est cassée, merci André"),
        (b"skrivaren \xe4r trasig p\xe5 \xf6vre plan", "skrivaren är trasig på övre plan"),
        (b"\xb4\xf2\xd3\xa1\xbb\xfa\xb2\xbb\xb9\xa4\xd7\xf7\xc1\xcb", "打印机不工作了"),
        (b"\xa6L\xaa\xed\xbe\xf7\xb5L\xaak\xa8\xcf\xa5\xce", "印表機無法使用"),
        (b"\x83v\x83\x8a\x83\x93\x83^\x81[\x82\xaa\x93\xae\x82\xab\x82\xdc\x82\xb9\x82\xf1", "プリンターが動きません"),
        (b"\xcf\xf0\xe8\xed\xf2\xe5\xf0 \xed\xe5 \xf0\xe0\xe1\xee\xf2\xe0\xe5\xf2", "Принтер не работает"),
        (b"\xf0\xd2\xc9\xce\xd4\xc5\xd2 \xce\xc5 \xd2\xc1\xc2\xcf\xd4\xc1\xc5\xd4", "Принтер не работает"),
        (
            b"\xa5\xd7\xa5\xea\xa5\xf3\xa5\xbf\xa1\xbc\xa4\xac\xc6\xb0\xa4\xad\xa4\xde\xa4\xbb\xa4\xf3",
            "プリンターが動きません",
        ),
        (
            b"\xc7\xc1\xb8\xb0\xc5\xcd\xb0\xa1 \xc0\xdb\xb5\xbf\xc7\xcf\xc1\xf6 \xbe\xca\xbd\xc0\xb4\xcf\xb4\xd9",
            "프린터가 작동하지 않습니다",
        ),
    ] {
        let raw = [b"Subject: ", bytes, b"\r\n\r\n", bytes].concat();
        let mail = parse(&raw);
        assert_eq!((mail.subject.as_str(), mail.text.as_str()), (expected, expected));
    }
}

#[test]
fn encoded_words_split_within_a_character_are_joined() {
    let mail = parse(b"Subject: =?utf-8?B?R3LD?= =?utf-8?B?vMOfZQ==?=\r\n =?utf-8?q?_a=00b?= c\r\n\r\n");
    assert_eq!(mail.subject, "Grüße ab c");
}

#[test]
fn names_of_attachments_are_safe() {
    let long = format!("{}.pdf", "x".repeat(5_000));
    for (name, expected) in [
        ("../../etc/passwd", "passwd"),
        ("..\\\\..\\\\boot.ini", "boot.ini"),
        ("a\0b.txt", "ab.txt"),
        ("invoice\u{202e}fdp.exe", "invoicefdp.exe"),
        ("a\u{200b}.txt", "a.txt"),
        ("CON.txt", "_CON.txt"),
        ("lpt1", "_lpt1"),
        ("report.pdf. . .", "report.pdf"),
        ("..", "attachment.bin"),
        ("C:evil.exe", "C_evil.exe"),
    ] {
        let raw = format!(
            "Content-Type: application/octet-stream\r\nContent-Disposition: attachment; filename=\"{name}\"\r\n\r\nx"
        );
        assert_eq!(parse(raw.as_bytes()).attachments[0].name, expected, "{name:?}");
    }
    let raw = format!("Content-Type: application/pdf\r\nContent-Disposition: attachment; filename=\"{long}\"\r\n\r\nx");
    let name = &parse(raw.as_bytes()).attachments[0].name;
    assert!(name.len() <= 200 && name.ends_with(".pdf"), "{name}");
    let raw = b"Content-Type: application/pdf\r\nContent-Disposition: attachment; filename*=utf-8''%2e%2e%2f%0d%0a%00a%e2%80%8b.htaccess\r\n\r\nx";
    assert_eq!(parse(raw).attachments[0].name, "a.htaccess");
}

#[test]
fn forwarded_mails_calendars_and_winmail_are_attachments() {
    let raw = b"Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: multipart/alternative; boundary=c\r\n\r\n--c\r\n\r\nSee below\r\n--c\r\nContent-Type: text/calendar; method=REQUEST\r\n\r\nBEGIN:VCALENDAR\r\n--c--\r\n--b\r\nContent-Type: message/rfc822\r\n\r\nSubject: a/b =?utf-8?q?=C3=BC?=\r\nContent-Type: multipart/mixed; boundary=z\r\n\r\n--z\r\n\r\ninner\r\n--z--\r\n--b\r\nContent-Type: application/ms-tnef\r\n\r\nTNEF\r\n--b--\r\n";
    let mail = parse(raw);
    assert_eq!(mail.text, "See below");
    assert_eq!(
        mail.attachments.iter().map(|file| file.name.as_str()).collect::<Vec<_>>(),
        ["invite.ics", "a_b ü.eml", "winmail.dat"]
    );
    assert_eq!(mail.attachments[0].content_type, "text/calendar");
    assert!(mail.attachments[1].bytes.ends_with(b"inner\r\n--z--"));
}

#[test]
fn impossible_dates_ids_in_junk_and_mbox_lines_are_handled() {
    let mail = parse(b"From x@y Mon Nov 23 10:00:00 2026\nFrom: a@x.example\nDate: Mon, 31 Feb 2026 25:61:00 +9900\nReturn-Path: <>\nIn-Reply-To: Your message of \"Mon, 5 May\" <1@x> (fwd)\nReferences: junk <1@x> <2@\n y> <>, <no id here> <1@x>\nMessage-ID: bare@id\n\nt");
    assert_eq!(mail.from_fields, 1);
    assert_eq!(mail.date, None);
    assert_eq!(mail.in_reply_to, ["1@x"]);
    assert_eq!(mail.references, ["1@x", "2@y"]);
    assert_eq!((mail.message_id.as_deref(), mail.return_path.as_deref()), (Some("bare@id"), Some("")));
    assert_eq!(
        parse(b"Date: Sat, 28 Feb 2026 23:59:59 +0530\n\n").date.unwrap().to_rfc3339(),
        "2026-02-28T18:29:59+00:00"
    );
}

#[test]
fn flowed_text_becomes_paragraphs_again() {
    let raw = b"Content-Type: text/plain; format=flowed\r\n\r\nOne long \r\nline.\r\n> quoted \r\n> text\r\n  stuffed\r\n-- \r\nSam\r\n";
    assert_eq!(parse(raw).text, "One long line.\n> quoted text\n stuffed\n-- \nSam");
}

#[test]
fn the_content_hash_ignores_traces_and_line_ends() {
    let one = content_hash(b"Received: a\r\nFrom: a@x\r\nSubject: s\r\n\r\nbody\r\n");
    assert_eq!(one, content_hash(b"From old Mon\nReceived: b\nX-Y: z\nFrom: a@x\nSubject: s\n\nbody\n"));
    assert_ne!(one, content_hash(b"From: a@x\r\nSubject: s\r\n\r\nbody!\r\n"));
    assert_ne!(one, content_hash(b"From: b@x\r\nSubject: s\r\n\r\nbody\r\n"));
}

#[test]
fn html_is_made_safe() {
    let cleaned = html::clean(
        "<style>x</style><script>alert(1)</script><p onclick=x style='color:red'>Hi <a href=\"javascript:x\">bad</a> <a href='https://x.example/'>ok</a> \
         <img src=cid:logo@x> <img src='https://t.example/p.gif' width=1> <img alt=Plan src='https://t.example/plan.png'><iframe src=x>f</iframe><form><input></form>\
         <a href='data:text/html,x'>d</a> 1 < 2</p>",
    );
    for bad in ["script", "style", "javascript", "iframe", "form", "onclick", "data:", "p.gif", "<input"] {
        assert!(!cleaned.contains(bad), "{bad} in {cleaned}");
    }
    assert!(cleaned.contains("src=\"cid:logo@x\"") && cleaned.contains("href=\"https://x.example/\""), "{cleaned}");
    assert!(cleaned.contains(">[Plan]</a>") && cleaned.contains("1 &lt; 2"), "{cleaned}");
    let text = html::to_text(
        "<p>Hello&nbsp;Jane,</p><ul><li>one<li>two</ul><a href='javascript:x'>a</a><table><tr><td>x</td><td>y</td></tr></table>",
    );
    assert!(text.contains("Hello") && text.contains("* one") && !text.contains("javascript"), "{text}");
}

#[test]
fn hostile_html_costs_little_and_says_that_it_was_cut() {
    let formats: String = (0..90).map(|n| format!("<font size={n}>")).collect();
    for (what, page) in [
        ("divs", format!("start{}deep", "<div>".repeat(100_000))),
        ("broken spans", format!("start{}", "<span><div></span>".repeat(50_000))),
        ("formats", format!("start<p>{formats}{}", "<div>a</div>".repeat(50_000))),
        ("tables", format!("start{}", "<table><tr><td>".repeat(50_000))),
        ("quotes", format!("start{}", "<a href=\"".repeat(100_000))),
        ("lists", format!("start{}", "<ul><li>".repeat(50_000))),
        ("angles", format!("start{}", "<".repeat(900_000))),
    ] {
        let most = 5 * page.len();
        let (text, cleaned) = on_small_stack(move || (html::to_text(&page), html::clean(&page)));
        assert!(cleaned.len() < most, "{what}: {} bytes", cleaned.len());
        assert!(text.contains("start"), "{what}");
        assert!(text.contains("was cut here") || matches!(what, "quotes" | "angles" | "formats"), "{what}");
    }
}

/// Seconds of processor time: a busy machine does not count. The least of three runs.
fn cost(work: impl Fn()) -> f64 {
    let spent = || {
        let line = std::fs::read_to_string("/proc/thread-self/schedstat").unwrap();
        line.split(' ').next().unwrap().parse::<f64>().unwrap() / 1e9
    };
    let run = || {
        let before = spent();
        work();
        spent() - before
    };
    (0..3).map(|_| run()).fold(f64::MAX, f64::min)
}

#[test]
fn four_times_the_mail_costs_about_four_times_as_much() {
    type Make = fn(usize) -> Vec<u8>;
    let mails: [(&str, Make); 7] = [
        ("types", |n| [b"Subject: x\r\n\r\n".to_vec(), b"Content-Type:\n".repeat(n)].concat()),
        ("blanks", |n| [b"Subject: x\r\n\r\ne".to_vec(), b" ".repeat(n * 10), b":".repeat(n)].concat()),
        ("ids", |n| {
            format!("References: {}\r\n\r\n", (0..n.min(1_900)).map(|n| format!("<{n}@x>")).collect::<String>())
                .into_bytes()
        }),
        ("words", |n| format!("Subject: {}\r\n\r\n", "=?utf-8?q?a?= ".repeat(n.min(18_000))).into_bytes()),
        ("boundaries", |n| {
            format!(
                "Content-Type: multipart/mixed; boundary=b\r\n\r\n{}",
                "--b--".repeat(n.min(3_900)) + &"--c\r\n".repeat(n)
            )
            .into_bytes()
        }),
        ("angles", |n| format!("Content-Type: text/html\r\n\r\n{}", "<".repeat(n / 2)).into_bytes()),
        ("open tags", |n| format!("Content-Type: text/html\r\n\r\n{}", "<img src ".repeat(n / 4)).into_bytes()),
    ];
    for (what, mail) in mails {
        let (small, large) = (mail(100_000), mail(400_000));
        let (one, four) = (cost(|| drop(parse(&small))), cost(|| drop(parse(&large))));
        println!("{what}: {:.1} ms, {:.1} ms", one * 1e3, four * 1e3);
        assert!(four < one.max(0.02) * 9.0, "{what}: {one:.4} s became {four:.4} s");
    }
}

#[test]
fn a_very_long_text_is_cut_at_a_line_and_comes_whole_as_a_file() {
    let long = "A line of a log that somebody pasted.\r\n".repeat(20_000);
    let raw = format!("From: a@b.example\r\nSubject: log\r\n\r\n{long}");
    let mail = parse(raw.as_bytes());
    assert!(mail.cut && mail.text.len() < 300_000, "{}", mail.text.len());
    assert!(
        mail.text.ends_with("pasted.\n\n(The text is cut here because it is very long; the whole of it is attached.)")
    );
    assert_eq!((mail.attachments.len(), mail.attachments[0].bytes.as_slice()), (1, long.as_bytes()));
    assert!(!deskd::mail::reply::new_text(&mail).sure, "where its quote began is not known");

    let page = "<p>A line of a report.</p>\r\n".repeat(20_000);
    let raw = format!("From: a@b.example\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{page}");
    let mail = parse(raw.as_bytes());
    assert!(mail.cut && mail.html.as_deref().is_some_and(|html| html.len() < 300_000));
    assert_eq!(mail.attachments[0].bytes.len(), page.len());

    let usual = "A line of a log that somebody pasted.\r\n".repeat(2_000);
    let mail = parse(format!("From: a@b.example\r\n\r\n{usual}").as_bytes());
    assert!(!mail.cut && mail.attachments.is_empty() && mail.text.lines().count() == 2_000);
}
