//! Mails as mail programs build them: where each puts a pasted picture, the logo of a signature, a file, and the mail it answers.

use data_encoding::BASE64;

use super::story::Sent;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Program {
    /// multipart/related in multipart/mixed, every picture named `image.png`.
    Gmail,
    /// `image001.png@01D…`, VML beside it, Word's paragraphs, the quote below a rule.
    Outlook,
    /// HTML with a picture between two HTML parts, which no markup names.
    AppleMail,
    /// Text, picture, text: no HTML at all.
    AppleText,
    /// multipart/related in multipart/alternative.
    Thunderbird,
    /// Pictures are files.
    K9,
}

impl Program {
    pub const ALL: [Program; 6] =
        [Program::Gmail, Program::Outlook, Program::AppleMail, Program::AppleText, Program::Thunderbird, Program::K9];

    /// Whether a picture has its place in the program's HTML.
    pub fn shows_pictures(self) -> bool {
        !matches!(self, Program::AppleText | Program::K9)
    }
}

/// What a person wrote: a greeting line in bold, a link, a picture in the middle, a last line, a signature with a logo.
pub struct Written<'a> {
    pub from: &'a str,
    pub subject: &'a str,
    /// A line before the picture, in HTML; its text.
    pub above: (&'a str, &'a str),
    /// Below the picture, a line each; plain.
    pub below: &'a [&'a str],
    /// The notice that it answers.
    pub answers: Option<&'a Sent>,
    pub with_file: bool,
}

/// A picture whose header tells its size, filled up to `bytes`.
pub fn png(width: u32, height: u32, bytes: usize) -> Vec<u8> {
    let mut picture = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR".to_vec();
    picture.extend(width.to_be_bytes());
    picture.extend(height.to_be_bytes());
    picture.extend([8, 2, 0, 0, 0]);
    picture.extend((picture.len()..bytes).map(|at| (at % 251) as u8));
    picture
}

pub fn screenshot() -> Vec<u8> {
    png(640, 400, 30_000)
}

pub fn logo() -> Vec<u8> {
    png(180, 60, 4_000)
}

/// A picture of the mail that is answered, which Outlook sends along.
pub fn quoted_picture() -> Vec<u8> {
    png(800, 600, 21_000)
}

fn part(headers: &str, bytes: &[u8]) -> String {
    let content = BASE64.encode(bytes);
    let lines: Vec<&str> = content.as_bytes().chunks(76).map(|line| std::str::from_utf8(line).unwrap()).collect();
    format!("{headers}\r\nContent-Transfer-Encoding: base64\r\n\r\n{}\r\n", lines.join("\r\n"))
}

fn text(kind: &str, body: &str) -> String {
    part(&format!("Content-Type: text/{kind}; charset=utf-8"), body.replace('\n', "\r\n").as_bytes())
}

fn picture(name: &str, id: Option<&str>, bytes: &[u8]) -> String {
    let id = id.map(|id| format!("\r\nContent-ID: <{id}>\r\nX-Attachment-Id: {id}")).unwrap_or_default();
    part(
        &format!("Content-Type: image/png; name=\"{name}\"\r\nContent-Disposition: inline; filename=\"{name}\"{id}"),
        bytes,
    )
}

fn file(kind: &str, name: &str, bytes: &[u8]) -> String {
    part(
        &format!("Content-Type: {kind}; name=\"{name}\"\r\nContent-Disposition: attachment; filename=\"{name}\""),
        bytes,
    )
}

fn multi(kind: &str, parts: &[String]) -> String {
    let boundary = format!("{kind}-{}", parts.iter().map(String::len).sum::<usize>());
    let parts: String = parts.iter().map(|part| format!("--{boundary}\r\n{part}")).collect();
    format!("Content-Type: multipart/{kind}; boundary=\"{boundary}\"\r\n\r\n{parts}--{boundary}--\r\n")
}

/// The whole mail, ready to arrive.
pub fn mail(program: Program, written: &Written<'_>) -> String {
    let to = written.answers.map_or("support@northwind.example".to_owned(), Sent::reply_to);
    let thread = written.answers.and_then(|sent| sent.mail.message_id.clone());
    let thread = thread.map(|id| format!("In-Reply-To: <{id}>\r\nReferences: <{id}>\r\n")).unwrap_or_default();
    let id = data_encoding::HEXLOWER.encode(format!("{program:?}{}{}", written.from, written.subject).as_bytes());
    let mut body = match program {
        Program::Gmail => gmail(written),
        Program::Outlook => outlook(written),
        Program::AppleMail => apple_mail(written),
        Program::AppleText => apple_text(written),
        Program::Thunderbird => thunderbird(written),
        Program::K9 => k9(written),
    };
    if written.with_file {
        body = multi("mixed", &[body, file("application/pdf", "offer.pdf", b"%PDF-1.4 offer")]);
    }
    format!(
        "From: {}\r\nTo: {to}\r\nSubject: {}\r\nMessage-ID: <{id}@mail.example>\r\n{thread}MIME-Version: 1.0\r\n{body}",
        written.from, written.subject
    )
}

/// A mail of one pasted picture and no word.
pub fn only_picture(from: &str, subject: &str, bytes: &[u8]) -> String {
    let page = text("html", "<div dir=\"ltr\"><img src=\"cid:ii_only\" alt=\"image.png\"><br></div>");
    let body = multi("related", &[page, picture("image.png", Some("ii_only"), bytes)]);
    format!(
        "From: {from}\r\nTo: support@northwind.example\r\nSubject: {subject}\r\nMessage-ID: <only@mail.example>\r\nMIME-Version: 1.0\r\n{body}"
    )
}

fn quoted_lines(written: &Written<'_>) -> String {
    let Some(sent) = written.answers else { return String::new() };
    let lines: String = sent.mail.text.lines().map(|line| format!("> {line}\n")).collect();
    format!("\nOn Mon, 2 Mar 2026 at 09:01, Northwind IT <{}> wrote:\n\n{lines}", sent.reply_to())
}

fn quoted_page(written: &Written<'_>) -> Option<(String, String)> {
    let sent = written.answers?;
    let page = sent.mail.html.clone()?;
    let body = page.split_once("<body").and_then(|(_, rest)| rest.split_once('>')).map(|(_, body)| body.to_owned());
    Some((body?.replace("</body>", "").replace("</html>", ""), sent.reply_to()))
}

fn gmail(written: &Written<'_>) -> String {
    let below: String = written.below.iter().map(|line| format!("<div>{line}</div>")).collect();
    let quote = quoted_page(written).map(|(page, address)| {
        format!(
            "<br><div class=\"gmail_quote gmail_quote_container\"><div dir=\"ltr\" class=\"gmail_attr\">On Mon, Mar 2, 2026 at 9:01 AM \
             Northwind IT &lt;<a href=\"mailto:{address}\">{address}</a>&gt; wrote:<br></div><blockquote class=\"gmail_quote\" \
             style=\"margin:0px 0px 0px 0.8ex;border-left:1px solid rgb(204,204,204);padding-left:1ex\">{page}</blockquote></div>"
        )
    });
    let html = format!(
        "<div dir=\"ltr\"><div>{}</div><div><br></div><div><img src=\"cid:ii_m7shot\" alt=\"image.png\" width=\"562\" height=\"351\"><br></div>{below}\
         <div><br></div><span class=\"gmail_signature_prefix\">-- </span><br><div dir=\"ltr\" class=\"gmail_signature\" data-smartmail=\"gmail_signature\">\
         <div dir=\"ltr\">{}<br><img src=\"cid:ii_m7logo\" alt=\"image.png\" width=\"96\" height=\"32\"><br></div></div></div>{}",
        written.above.0,
        written.from.split('<').next().unwrap().trim(),
        quote.unwrap_or_default(),
    );
    let plain = format!(
        "{}\n\n[image: image.png]\n{}\n\n-- \n{}\n[image: image.png]\n{}",
        written.above.1,
        written.below.join("\n"),
        written.from.split('<').next().unwrap().trim(),
        quoted_lines(written)
    );
    let both = multi("alternative", &[text("plain", &plain), text("html", &html)]);
    multi(
        "related",
        &[
            both,
            picture("image.png", Some("ii_m7shot"), &screenshot()),
            picture("image.png", Some("ii_m7logo"), &logo()),
        ],
    )
}

fn outlook(written: &Written<'_>) -> String {
    let paragraph = |inside: &str| format!("<p class=MsoNormal>{inside}<o:p></o:p></p>");
    let image = |number: u32| {
        format!(
            "<!--[if gte vml 1]><v:shape id=\"Picture_x0020_{number}\" type=\"#_x0000_t75\"><v:imagedata src=\"cid:image00{number}.png@01DCAA11.2B3C4D50\"/>\
             </v:shape><![endif]--><![if !vml]><img width=624 height=390 style='width:6.5in' src=\"cid:image00{number}.png@01DCAA11.2B3C4D50\" \
             alt=\"A screenshot of a computer&#10;&#10;Description automatically generated\" v:shapes=\"Picture_x0020_{number}\"><![endif]>"
        )
    };
    let below: String = written.below.iter().map(|line| paragraph(line)).collect();
    let name = written.from.split('<').next().unwrap().trim();
    let quote = quoted_page(written).map(|(page, address)| {
        format!(
            "<div><div style='border:none;border-top:solid #E1E1E1 1.0pt;padding:3.0pt 0in 0in 0in'><p class=MsoNormal><b>From:</b> Northwind IT \
             &lt;<a href=\"mailto:{address}\">{address}</a>&gt; <br><b>Sent:</b> Monday, March 2, 2026 9:01 AM<br><b>To:</b> {name}<br><b>Subject:</b> {}\
             <o:p></o:p></p></div></div><p class=MsoNormal><o:p>&nbsp;</o:p></p>{}{page}",
            written.subject,
            image(3),
        )
    });
    let html = format!(
        "<html xmlns:v=\"urn:schemas-microsoft-com:vml\" xmlns:o=\"urn:schemas-microsoft-com:office:office\"><head><meta name=Generator content=\"Microsoft Word 15 \
         (filtered medium)\"><style><!-- p.MsoNormal {{margin:0in;font-size:11.0pt}} --></style></head><body lang=EN-US link=\"#0563C1\"><div class=WordSection1>\
         {}{}{}{below}{}{}{}{}</div></body></html>",
        paragraph(written.above.0),
        paragraph("<o:p>&nbsp;</o:p>"),
        paragraph(&image(1)),
        paragraph("<o:p>&nbsp;</o:p>"),
        paragraph(&format!("<a name=\"_MailAutoSig\"><span style='mso-no-proof:yes'>{name}</span></a>")),
        paragraph(&image(2)),
        quote.unwrap_or_default(),
    );
    let plain = format!(
        "{}\n\n[cid:image001.png@01DCAA11.2B3C4D50]\n{}\n\n{name}\n[cid:image002.png@01DCAA11.2B3C4D50]\n{}",
        written.above.1,
        written.below.join("\n"),
        written
            .answers
            .map(|sent| format!(
                "\nFrom: Northwind IT <{}>\nSent: Monday, March 2, 2026 9:01 AM\nTo: {name}\nSubject: {}\n\n{}",
                sent.reply_to(),
                written.subject,
                sent.mail.text
            ))
            .unwrap_or_default()
    );
    let both = multi("alternative", &[text("plain", &plain), text("html", &html)]);
    let mut parts = vec![
        both,
        picture("image001.png", Some("image001.png@01DCAA11.2B3C4D50"), &screenshot()),
        picture("image002.png", Some("image002.png@01DCAA11.2B3C4D50"), &logo()),
    ];
    if written.answers.is_some() {
        parts.push(picture("image003.png", Some("image003.png@01DCAA11.2B3C4D50"), &quoted_picture()));
    }
    multi("related", &parts)
}

fn apple_mail(written: &Written<'_>) -> String {
    let quote = quoted_page(written).map(|(page, address)| {
        format!(
            "<div><br><blockquote type=\"cite\"><div>On Mar 2, 2026, at 9:01 AM, Northwind IT &lt;{address}&gt; wrote:</div><br \
             class=\"Apple-interchange-newline\"><div>{page}</div></blockquote></div>"
        )
    });
    let below: String = written.below.iter().map(|line| format!("<div>{line}</div>")).collect();
    let first = format!(
        "<html><head></head><body style=\"overflow-wrap: break-word; -webkit-nbsp-mode: space;\">{}<div><br></div></body></html>",
        written.above.0
    );
    let last = format!("<html><body><div></div>{below}<div><br></div>{}</body></html>", quote.unwrap_or_default());
    let plain = format!("{}\n\n\u{fffc}\n{}\n{}", written.above.1, written.below.join("\n"), quoted_lines(written));
    let pages =
        multi("mixed", &[text("html", &first), picture("Screenshot 1.png", None, &screenshot()), text("html", &last)]);
    multi("alternative", &[text("plain", &plain), pages])
}

fn apple_text(written: &Written<'_>) -> String {
    let last = format!("{}\n{}", written.below.join("\n"), quoted_lines(written));
    multi(
        "mixed",
        &[text("plain", written.above.1), picture("Screenshot 1.png", None, &screenshot()), text("plain", &last)],
    )
}

fn thunderbird(written: &Written<'_>) -> String {
    let quote = quoted_page(written).map(|(page, _)| {
        format!(
            "<div class=\"moz-cite-prefix\">On 3/2/26 09:01, Northwind IT wrote:<br></div><blockquote type=\"cite\" \
             cite=\"mid:x@northwind.example\">{page}</blockquote>"
        )
    });
    let below: String = written.below.iter().map(|line| format!("<p>{line}</p>\n")).collect();
    let html = format!(
        "<!DOCTYPE html>\n<html>\n  <head>\n    <meta http-equiv=\"content-type\" content=\"text/html; charset=UTF-8\">\n  </head>\n  <body>\n    \
         <p>{}</p>\n    <p><img src=\"cid:part1.Xy7Zk2.AbCdEf@mail.example\" moz-do-not-send=\"false\" alt=\"\" width=\"640\" height=\"400\"></p>\n{below}\
         <div class=\"moz-signature\">-- <br>\n{}<br><img src=\"cid:part2.Xy7Zk2.AbCdEf@mail.example\" alt=\"\"></div>\n{}</body>\n</html>\n",
        written.above.0,
        written.from.split('<').next().unwrap().trim(),
        quote.unwrap_or_default()
    );
    let related = multi(
        "related",
        &[
            text("html", &html),
            picture("Bildschirmfoto.png", Some("part1.Xy7Zk2.AbCdEf@mail.example"), &screenshot()),
            picture("logo.png", Some("part2.Xy7Zk2.AbCdEf@mail.example"), &logo()),
        ],
    );
    let plain = format!("{}\n\n{}\n\n-- \nx\n{}", written.above.1, written.below.join("\n\n"), quoted_lines(written));
    multi("alternative", &[text("plain", &plain), related])
}

fn k9(written: &Written<'_>) -> String {
    let quote = quoted_page(written).map(|(page, address)| {
        format!(
            "<br><br><div class='gmail_quote'>On 2 March 2026 09:01:00 GMT-06:00, Northwind IT &lt;{address}&gt; wrote:<blockquote class='gmail_quote' \
             style='margin: 0pt 0pt 0pt 0.8ex; border-left: 1px solid rgb(204, 204, 204); padding-left: 1ex;'>{page}</blockquote></div>"
        )
    });
    let below = written.below.join("<br>");
    let html = format!(
        "<!DOCTYPE html><html><body>{}<br><br>{below}<br><div class='k9mail-signature'>-- <br>Sent from my Android device with K-9 Mail.</div>{}</body></html>",
        written.above.0,
        quote.unwrap_or_default()
    );
    let plain = format!(
        "{}\n\n{}\n-- \nSent from my Android device with K-9 Mail.\n{}",
        written.above.1,
        written.below.join("\n"),
        quoted_lines(written)
    );
    multi(
        "mixed",
        &[
            multi("alternative", &[text("plain", &plain), text("html", &html)]),
            file("image/png", "IMG_20260302.png", &screenshot()),
        ],
    )
}
