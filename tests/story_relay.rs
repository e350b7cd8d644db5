//! What travels with a relay, both ways: words with their look, pictures in their places, files; and what never reaches a client.

use deskd::mail::{Attachment, html};

use crate::harness::shapes::{self, Program, Written};
use crate::harness::story::{Sent, Story, told};
use crate::story::from_jane;

const JANE: &str = "Jane Roe <jane@acme-dental.example>";
const SAM: &str = "Sam Ortiz <sam@northwind.example>";

fn squeeze(text: &str) -> String {
    text.split_whitespace().collect()
}

/// The words between a mail's own first line and its foot.
fn body<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).unwrap_or_else(|| panic!("no {from:?} in {text}"));
    rest.split_once(to).unwrap_or_else(|| panic!("no {to:?} in {text}")).0
}

/// The file that these bytes travel as.
fn with_bytes<'a>(sent: &'a Sent, bytes: &[u8]) -> Option<&'a Attachment> {
    sent.mail.attachments.iter().find(|file| file.bytes == bytes)
}

fn page_of(sent: &Sent) -> &str {
    sent.mail.html.as_deref().expect("HTML")
}

/// The screenshot has its place in the HTML where the program gave it one, and is a file where not.
fn shows_screenshot(program: Program, sent: &Sent) {
    let picture = with_bytes(sent, &shapes::screenshot()).unwrap_or_else(|| panic!("{program:?}: no screenshot"));
    assert_eq!(picture.inline, program.shows_pictures(), "{program:?}: {}", page_of(sent));
    if picture.inline {
        let id = picture.content_id.as_deref().unwrap();
        assert!(page_of(sent).contains(&format!("src=\"cid:{id}\"")), "{program:?}: {id} in {}", page_of(sent));
        assert!(id.ends_with("@picture"), "{program:?}: an id of another program's: {id}");
    }
    if program != Program::K9 {
        assert!(sent.mail.text.contains(&format!("[picture: {}]", picture.name)), "{program:?}: {}", sent.mail.text);
    }
    assert!(with_bytes(sent, &shapes::logo()).is_none(), "{program:?}: the logo travels");
}

fn request(program: Program) -> String {
    let written = Written {
        from: JANE,
        subject: &format!("Scanner {program:?}"),
        above: (
            "Hello, the <b>scanner</b> shows this, see <a href=\"https://wiki.example/scan?a=1&amp;b=2\">the page</a>:",
            "Hello, the scanner shows this, see the page <https://wiki.example/scan?a=1&b=2>:",
        ),
        below: &["What can I do?", "Jane"],
        answers: None,
        with_file: true,
    };
    shapes::mail(program, &written)
}

#[tokio::test]
async fn a_mail_that_is_only_a_small_picture_brings_it() {
    told("picture_only", async |story, _| {
        story.mail(&request(Program::Gmail)).await;
        story.mailed();
        let small = shapes::only_picture(JANE, &format!("Re: Scanner {:?}", Program::Gmail), &shapes::logo());
        story.mail(&small).await;
        let told = story.mailed_one_of("assignment");
        assert!(with_bytes(&told, &shapes::logo()).is_some(), "{}", told.mail.text);
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_clients_pictures_and_files_reach_the_technician_from_every_program() {
    told("pictures_in", async |story, _| {
        for program in Program::ALL {
            story.mail(&request(program)).await;
            let assignment = story.mailed_one_of("assignment");
            shows_screenshot(program, &assignment);
            assert!(with_bytes(&assignment, b"%PDF-1.4 offer").is_some(), "{program:?}: no file");
            let text = &assignment.mail.text;
            assert!(text.contains("the page <https://wiki.example/scan?a=1&b=2>"), "{program:?}: {text}");
            assert!(text.contains("What can I do?"), "{program:?}: {text}");
            assert!(text.contains("Attached: ") && text.contains("offer.pdf"), "{program:?}: {text}");
            if matches!(program, Program::Gmail | Program::Outlook | Program::Thunderbird) {
                assert!(text.contains("Pictures of the signature, left out: "), "{program:?}: {text}");
                assert!(page_of(&assignment).contains("<b>scanner</b>"), "{program:?}: {}", page_of(&assignment));
                assert!(page_of(&assignment).contains("href=\"https://wiki.example/scan?a=1&amp;b=2\""), "{program:?}");
            }
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_clients_further_pictures_reach_the_technician_without_those_of_the_quote() {
    told("pictures_further", async |story, _| {
        story.mail(&from_jane("s1", "Scanner", "It is broken.")).await;
        let assignment = story.mailed_one_of("assignment");
        story.mail(&assignment.answer(SAM, "What does it show?")).await;
        let relay = story.mailed_one_of("relay");
        for program in [Program::Outlook, Program::Gmail] {
            let written = Written {
                from: JANE,
                subject: "Re: Scanner",
                above: ("It shows <i>this</i>:", "It shows this:"),
                below: &["Jane"],
                answers: Some(&relay),
                with_file: false,
            };
            story.mail(&shapes::mail(program, &written)).await;
            let message = story.mailed_one_of("client_message");
            shows_screenshot(program, &message);
            assert!(page_of(&message).contains("<i>this</i>"), "{program:?}: {}", page_of(&message));
            assert!(with_bytes(&message, &shapes::quoted_picture()).is_none(), "{program:?}: the quote's picture");
            assert!(!message.mail.text.contains("What does it show?"), "{program:?}: {}", message.mail.text);
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_technicians_html_and_pictures_reach_the_client_from_every_program() {
    told("pictures_out", async |story, _| {
        for program in Program::ALL {
            let subject = format!("Scanner {program:?}");
            story.mail(&request(program)).await;
            let assignment = story.mailed_one_of("assignment");
            let written = Written {
                from: SAM,
                subject: &format!("Re: {subject}"),
                above: (
                    "Hi Jane, press the <b>green</b> button, as on <a href=\"https://scan.example/help\">this page</a>:",
                    "Hi Jane, press the green button, as on this page <https://scan.example/help>:",
                ),
                below: &["Then it works.", "#done 25m"],
                answers: Some(&assignment),
                with_file: true,
            };
            story.mail(&shapes::mail(program, &written)).await;
            let mailed = story.mailed();
            let sent = mailed.iter().find(|sent| sent.to.starts_with("jane")).unwrap_or_else(|| panic!("{program:?}: {}", mailed[0].mail.text));
            assert_eq!(sent.kind, "resolution", "{program:?}");
            shows_screenshot(program, sent);
            assert!(with_bytes(sent, &shapes::quoted_picture()).is_none(), "{program:?}: the quote's picture");
            assert!(with_bytes(sent, b"%PDF-1.4 offer").is_some(), "{program:?}: no file");
            if program != Program::AppleText {
                assert!(page_of(sent).contains("<b>green</b>"), "{program:?}: {}", page_of(sent));
                assert!(page_of(sent).contains("href=\"https://scan.example/help\""), "{program:?}: {}", page_of(sent));
            }
            says_nothing_internal(&format!("{program:?}"), sent);
            both_parts_agree(&format!("{program:?}"), sent);
        }
        story.end().await;
    })
    .await;
}

/// Text and HTML of a relay hold the same words, addresses of links and names of pictures included.
fn both_parts_agree(case: &str, sent: &Sent) {
    let (from, to) = (":\n\n", "With this your request is resolved.");
    let text = body(&sent.mail.text, from, to);
    let mut shown = page_of(sent).to_owned();
    for file in sent.mail.attachments.iter().filter(|file| file.inline) {
        let id = file.content_id.as_deref().unwrap();
        let start = shown.find(&format!("<img src=\"cid:{id}\"")).unwrap();
        let end = start + shown[start..].find('>').unwrap() + 1;
        shown.replace_range(start..end, &format!("[picture: {}]", file.name));
    }
    let shown = html::to_text(&shown);
    let shown = body(&shown, "about your request", "With this your request is resolved.").to_owned();
    let shown = shown.split_once(':').unwrap().1;
    assert_eq!(squeeze(shown), squeeze(text), "{case}");
}

/// Wherever it could stand: header, both texts, attributes, file names, the bytes themselves.
fn says_nothing_internal(case: &str, sent: &Sent) {
    let mut all = String::from_utf8_lossy(&sent.raw).into_owned();
    all.push_str(&sent.mail.text);
    all.push_str(sent.mail.html.as_deref().unwrap_or_default());
    for file in &sent.mail.attachments {
        all.push_str(&format!("\n{} {}\n", file.name, String::from_utf8_lossy(&file.bytes)));
    }
    for internal in [
        "OWES-MONEY",
        "deskd:",
        "write above",
        "#done",
        "#note",
        "is yours",
        "Billed as",
        "Why you",
        "Take it",
        "One tap",
    ] {
        assert!(!all.contains(internal), "{case}: {internal} in {}", sent.mail.text);
    }
    let own = sent.reply_to();
    let own = own.split(['+', '@']).nth(1).unwrap();
    let strange = all
        .split(|c: char| !c.is_ascii_alphanumeric())
        .find(|word| word.len() == 27 && word.starts_with('r') && *word != own);
    assert_eq!(strange, None, "{case}: a token that is not the client's");
}

/// Ways to hide something in HTML. `TOKEN` is the tech's reply address, `MARK` the line above which one writes.
const HIDDEN: [(&str, &str); 33] = [
    ("display none", "<div style=\"display:none\">OWES-MONEY</div>"),
    ("display none, spelt oddly", "<div style='DISPLAY : NONE !important'>OWES-MONEY</div>"),
    ("not visible", "<div style=\"visibility: hidden\">OWES-MONEY</div>"),
    ("the attribute", "<p hidden>OWES-MONEY</p>"),
    ("no height", "<div style=\"max-height:0;overflow:hidden\">OWES-MONEY</div>"),
    ("see-through", "<div style=\"opacity:0\">OWES-MONEY</div>"),
    ("white", "<span style=\"color:#ffffff\">OWES-MONEY</span>"),
    ("white on white", "<td bgcolor=white><font color=\"white\">OWES-MONEY</font></td>"),
    ("white in rgb", "<span style=\"font-weight:bold;color: rgb(255, 255, 255)\">OWES-MONEY</span>"),
    ("no size", "<p style=\"font-size:0;line-height:0\">OWES-MONEY</p>"),
    ("one pixel", "<span style=\"font-size:1px\">OWES-MONEY</span>"),
    ("off the page", "<div style=\"position:absolute;left:-9999px\">OWES-MONEY</div>"),
    ("a comment", "<!-- OWES-MONEY -->"),
    ("a comment for Outlook", "<!--[if mso]><p>OWES-MONEY</p><![endif]-->"),
    ("a quote without its bar", "<blockquote type=\"cite\" style=\"border:none;margin:0\">OWES-MONEY</blockquote>"),
    ("a quote of no height", "<blockquote style=\"border:none;max-height:0px\">OWES-MONEY</blockquote>"),
    ("a link without words", "<a href=\"https://x.example/OWES-MONEY\"><img src=\"https://x.example/a.png\"></a>"),
    ("the title of a link", "<a title=\"OWES-MONEY\" href=\"https://x.example/\">x.example</a>"),
    ("the source of a picture", "<img src=\"https://x.example/OWES-MONEY.png\" width=\"300\">"),
    ("the words for a picture", "<img alt=\"OWES-MONEY\" title=\"OWES-MONEY\" src=\"cid:nothing@x\">"),
    ("other attributes", "<p data-note=\"OWES-MONEY\" id=\"OWES-MONEY\" class=\"OWES-MONEY\">Yes.</p>"),
    ("mso-hide", "<p style=\"mso-hide:all\">OWES-MONEY</p>"),
    ("a style sheet", "<style>p:after{content:\"OWES-MONEY\"}</style>"),
    ("an input", "<input type=\"hidden\" value=\"OWES-MONEY\"><textarea hidden>OWES-MONEY</textarea>"),
    ("the reply address in a link", "<a href=\"mailto:TOKEN?subject=x&amp;body=%23take\">Write to me</a>"),
    ("the reply address in a picture", "<img src=\"https://x.example/?u=TOKEN\" width=\"300\">"),
    ("the reply address in an address", "<a href=\"https://x.example/?u=TOKEN\">x.example</a>"),
    ("the reply address without its sign", "<a href=\"https://x.example/?u=TOKEN\">press here</a>"),
    ("the marker in a hidden div", "<div style=\"display:none\">MARK</div><div>OWES-MONEY</div>"),
    ("the marker in the open", "<p>MARK</p><p>OWES-MONEY</p>"),
    (
        "the marker in pieces",
        "<p style=\"display:none\">-- deskd: write <b>above</b> this <i>line</i> --</p><p>OWES-MONEY</p>",
    ),
    ("a template", "<template><p>OWES-MONEY</p></template><noscript>OWES-MONEY</noscript>"),
    ("a drawing", "<svg><text>OWES-MONEY</text></svg>"),
];

/// A tech's HTML answer without a plain part.
fn html_answer(notice: &Sent, number: usize, page: &str) -> String {
    let id = notice.mail.message_id.clone().unwrap();
    format!(
        "From: {SAM}\r\nTo: {}\r\nSubject: Re: {}\r\nMessage-ID: <h{number}.{}@mail.example>\r\nIn-Reply-To: <{id}>\r\nReferences: <{id}>\r\n\
         MIME-Version: 1.0\r\nContent-Type: text/html; charset=utf-8\r\n\r\n{page}\r\n",
        notice.reply_to(),
        notice.mail.subject,
        page.len(),
    )
}

#[tokio::test]
async fn what_html_hides_never_reaches_a_client() {
    told("hidden", async |story, _| {
        let assignment = asked(&story).await;
        for (number, (case, hidden)) in HIDDEN.iter().enumerate() {
            let hidden =
                hidden.replace("TOKEN", &assignment.reply_to()).replace("MARK", "-- deskd: write above this line --");
            let page = if case.contains("marker") {
                format!("<div>Press the <b>green</b> button.</div>{hidden}")
            } else {
                format!("{hidden}<div>Press the <b>green</b>{hidden} button.</div>{hidden}")
            };
            story.mail(&html_answer(&assignment, number, &page)).await;
            let mailed = story.mailed();
            let relayed: Vec<_> = mailed.iter().filter(|sent| sent.to.starts_with("jane")).collect();
            let asked = mailed.iter().any(|sent| sent.kind == "not_sent");
            assert!(relayed.len() == 1 || asked, "{case}: neither relayed nor asked about");
            for sent in relayed {
                says_nothing_internal(case, sent);
                assert!(sent.mail.text.contains("Press the green"), "{case}: {}", sent.mail.text);
                assert!(page_of(sent).contains("<b>green</b>"), "{case}: its look is lost: {}", page_of(sent));
            }
        }
        story.end().await;
    })
    .await;
}

async fn asked(story: &Story) -> Sent {
    story.mail(&from_jane("h1", "Scanner", "It is broken.")).await;
    story.mailed_one_of("assignment")
}

#[tokio::test]
async fn a_picture_in_a_hidden_place_or_in_the_quote_stays_behind() {
    told("hidden_picture", async |story, _| {
        let assignment = asked(&story).await;
        let id = assignment.mail.message_id.clone().unwrap();
        let pages = [
            "<div>Yes.</div><div style=\"display:none\"><img src=\"cid:secret@x\"></div>",
            "<div>Yes.</div><blockquote type=\"cite\"><img src=\"cid:secret@x\"></blockquote>",
            "<div>Yes.</div><div id=\"Signature\"><img src=\"cid:secret@x\"></div>",
        ];
        for (number, page) in pages.iter().enumerate() {
            let secret = data_encoding::BASE64.encode(&shapes::screenshot());
            story
                .mail(&format!(
                    "From: {SAM}\r\nTo: {}\r\nSubject: Re: x\r\nMessage-ID: <hp{number}@mail.example>\r\nIn-Reply-To: <{id}>\r\nMIME-Version: 1.0\r\n\
                     Content-Type: multipart/related; boundary=b\r\n\r\n--b\r\nContent-Type: text/html\r\n\r\n{page}\r\n--b\r\nContent-Type: image/png\r\n\
                     Content-ID: <secret@x>\r\nContent-Transfer-Encoding: base64\r\n\r\n{secret}\r\n--b--\r\n",
                    assignment.reply_to(),
                ))
                .await;
            let relay = story.mailed_one_of("relay");
            assert!(relay.mail.text.contains("Yes."));
            assert!(with_bytes(&relay, &shapes::screenshot()).is_none(), "{page}");
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn a_notice_attached_as_a_file_is_not_relayed() {
    told("attached_notice", async |story, _| {
        let assignment = asked(&story).await;
        let id = assignment.mail.message_id.clone().unwrap();
        let notice = data_encoding::BASE64.encode(&assignment.raw);
        for (number, kind) in ["message/rfc822", "application/octet-stream"].iter().enumerate() {
            story
                .mail(&format!(
                    "From: {SAM}\r\nTo: {}\r\nSubject: Re: x\r\nMessage-ID: <an{number}@mail.example>\r\nIn-Reply-To: <{id}>\r\nMIME-Version: 1.0\r\n\
                     Content-Type: multipart/mixed; boundary=b\r\n\r\n--b\r\nContent-Type: text/plain\r\n\r\nSee the mail.\r\n--b\r\nContent-Type: {kind}\r\n\
                     Content-Disposition: attachment; filename=\"mail.eml\"\r\nContent-Transfer-Encoding: base64\r\n\r\n{notice}\r\n--b--\r\n",
                    assignment.reply_to(),
                ))
                .await;
            let mailed = story.mailed();
            assert!(mailed.iter().all(|sent| !sent.to.starts_with("jane")), "{kind} is relayed");
            let refused = mailed.iter().find(|sent| sent.kind == "not_sent").unwrap();
            assert!(refused.mail.text.contains("mail.eml holds a mail meant for you alone"), "{}", refused.mail.text);
        }
        story.end().await;
    })
    .await;
}

#[tokio::test]
async fn what_is_over_the_cap_is_named_in_its_place() {
    told_capped("capped", async |story| {
        story.mail(&request(Program::Gmail)).await;
        let assignment = story.mailed_one_of("assignment");
        assert!(with_bytes(&assignment, &shapes::screenshot()).is_none());
        assert!(assignment.mail.text.contains("Too large for this mail: image.png"), "{}", assignment.mail.text);
        assert!(page_of(&assignment).contains("[picture: image.png]"), "{}", page_of(&assignment));
        let written = Written {
            from: SAM,
            subject: "Re: Scanner",
            above: ("Press the <b>green</b> one:", "Press the green one:"),
            below: &["#time 10m"],
            answers: Some(&assignment),
            with_file: true,
        };
        story.mail(&shapes::mail(Program::Thunderbird, &written)).await;
        let mailed = story.mailed();
        let relay = mailed.iter().find(|sent| sent.kind == "relay").unwrap();
        assert!(with_bytes(relay, b"%PDF-1.4 offer").is_some(), "what fits travels");
        assert!(relay.mail.text.contains("not attached: Bildschirmfoto.png"), "{}", relay.mail.text);
        assert!(page_of(relay).contains("[picture: Bildschirmfoto.png]"), "{}", page_of(relay));
        let receipt = mailed.iter().find(|sent| sent.kind == "receipt").unwrap();
        assert!(receipt.mail.text.contains("Bildschirmfoto.png"), "{}", receipt.mail.text);
        story.end().await;
    })
    .await;
}

async fn told_capped(name: &str, story: impl AsyncFn(Story)) {
    let cap = "[limits]\nattachments = \"20 kB\"\n";
    crate::harness::story::told_with(name, cap, async |teller, _| story(teller).await).await;
}
