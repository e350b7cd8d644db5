//! HTML that says what a text says: which of a page's words, links and pictures the copy holds, and when there is none.

use deskd::mail::Attachment;
use deskd::mail::picture::{Pictures, label, only_labels, pixels, without_labels};
use deskd::mail::reply::likeness;

use crate::harness::shapes::png;

fn pictures() -> Pictures {
    let file = |name: &str, id: &str| Attachment {
        name: name.to_owned(),
        content_type: "image/png".to_owned(),
        content_id: Some(id.to_owned()),
        inline: true,
        decoration: false,
        bytes: Vec::new(),
    };
    Pictures::of(&[file("shot.png", "a@x"), file("other.png", "b@x")])
}

fn copy(page: &str, text: &str) -> Option<String> {
    likeness::of(page, text, &pictures())
}

#[test]
fn emphasis_lists_tables_links_and_pictures_stay_and_everything_else_goes() {
    let page = "<html><head><title>x</title><style>p{color:red}</style></head><body class=x><p id=y style='color:red' onclick='z()'>Hi <font color=red><strong>Jane</strong></font>,</p>\
                <ul><li>one</li><li><em>two</em></li></ul><table border=1><tr><td colspan=2 bgcolor=red>a</td><td></td><td>b</td></tr></table>\
                <p>see <a href='https://x.example/a?b=1&amp;c=2' title='t'>here</a> <img src='cid:a%40x' width=300 alt=secret></p></body></html>";
    let text = "Hi Jane,\n\n- one\n- two\na b\nsee here <https://x.example/a?b=1&c=2> [picture: shot.png]";
    insta::assert_snapshot!(copy(page, text).unwrap(), @r#"<p>Hi <b>Jane</b>,</p><ul><li>one</li><li><i>two</i></li></ul><table><tbody><tr><td colspan="2">a</td><td></td><td>b</td></tr></tbody></table><p>see <a href="https://x.example/a?b=1&amp;c=2" rel="noopener noreferrer nofollow">here</a> <img src="cid:a@x" alt="[picture: shot.png]" width="300"></p>"#);
}

#[test]
fn lines_that_the_text_does_not_hold_are_left_out_with_their_elements() {
    let page = "<div>Done.</div><div><br></div><div><b>#done 25m</b></div><div><br></div><div>Sam</div><blockquote type=cite>secret <img src=cid:b@x></blockquote>";
    assert_eq!(copy(page, "Done.\n\nSam").as_deref(), Some("<div>Done.</div><br><div>Sam</div>"));
}

/// The copy is copied once more when it is relayed: its lines must be those of the text.
#[test]
fn a_copy_of_a_copy_is_the_copy() {
    for (page, text) in [
        ("<div>one <b>two</b><div style='display:none'>x</div> three</div>", "one two\nthree"),
        (
            "<p class=MsoNormal>one</p><p class=MsoNormal>&nbsp;</p><p class=MsoNormal>two<br>three</p>",
            "one\n\ntwo\nthree",
        ),
        ("<ul><li>one<ul><li>two</li></ul></li></ul><pre>a\n\n  b</pre>", "- one\n- two\na\n\n  b"),
        (
            "<ol start=3><li>one<ul><li>two</li></ul></li><li>three</li><li value=9>nine</li></ol>four",
            "3. one\n- two\n4. three\n9. nine\nfour",
        ),
        ("<div>Hi</div><div class=gmail_signature>-- <br>Sam</div>", "Hi\n-- \nSam"),
        ("<div>Hi</div><div class=gmail_signature>Sam</div>", "Hi\n-- \nSam"),
        ("<table><tr><td><p>a</p></td><td>b</td></tr></table>c", "a\nb\nc"),
        (
            "one<hr>two<blockquote style='border:none'>three</blockquote>four",
            "one\n--------------------------------\ntwo\nthree\nfour",
        ),
    ] {
        let once = copy(page, text).unwrap_or_else(|| panic!("no copy of {page}"));
        assert_eq!(copy(&once, text).as_deref(), Some(once.as_str()), "{page}");
    }
}

/// Where a directive stood in the list the numbers of text and page part: then there is no copy.
#[test]
fn a_list_keeps_the_numbers_that_its_author_saw() {
    let page = "<ol><li>Check the lamp</li><li>#note</li><li>Call us</li></ol>";
    assert_eq!(copy(page, "1. Check the lamp\n3. Call us"), None);
    assert!(copy(page, "1. Check the lamp\n2. #note\n3. Call us").unwrap().contains("<ol><li>"));
}

#[test]
fn a_text_that_the_page_does_not_hold_word_for_word_has_no_likeness() {
    for (page, text) in [
        ("<p>Done.</p>", "Done"),
        ("<p>Done.</p>", "Done. And more."),
        ("<p>Done.</p><p>Twice.</p>", "Twice.\nDone."),
        ("<p>see <a href='https://x.example/'>here</a></p>", "see here"),
        ("<blockquote type=cite>Done.</blockquote>", "Done."),
        ("<div style='display:none'>Done.</div>", "Done."),
        ("<p></p>", ""),
    ] {
        assert_eq!(copy(page, text), None, "{page}");
    }
}

#[test]
fn a_link_that_no_text_would_show_is_words_alone() {
    for address in
        ["javascript:alert(1)", "tel:+1312", "file:///etc/passwd", "cid:a@x", "//x.example/a", "data:text/html,x"]
    {
        let page = format!("<p>press <a href='{address}'>here</a></p>");
        assert_eq!(copy(&page, "press here").as_deref(), Some("<p>press here</p>"), "{address}");
    }
    let page = "<p>write to <a href='mailto:jane@x.example?subject=a&body=b'>Jane</a></p>";
    let html = copy(page, "write to Jane <jane@x.example>").unwrap();
    assert!(html.contains("href=\"mailto:jane@x.example\""), "{html}");
}

#[test]
fn pictures_get_new_ids_or_leave_their_names() {
    let html = copy(
        "<p>see <img src='cid:a@x' width=300> and <img src='cid:b@x'></p>",
        "see [picture: shot.png] and [picture: other.png]",
    );
    let placed = likeness::with_pictures(&html.unwrap(), &pictures(), |id| (id == "a@x").then(|| "new@y".to_owned()));
    assert_eq!(
        placed,
        "<p>see <img src=\"cid:new@y\" alt=\"[picture: shot.png]\" width=\"300\" style=\"max-width:100%;height:auto\"> and [picture: other.png]</p>"
    );
}

#[test]
fn a_hostile_page_has_no_likeness_or_a_small_one_and_costs_little() {
    let deep = format!("{}x{}", "<div><b>".repeat(50_000), "</b></div>".repeat(50_000));
    let links = "<a href='https://x.example/'>x</a>".repeat(30_000);
    let lists = "<ul><li>".repeat(20_000);
    for page in [deep, links, lists] {
        let started = std::time::Instant::now();
        let _ = copy(&page, "x");
        assert!(started.elapsed().as_secs() < 10, "{:?}", started.elapsed());
    }
}

#[test]
fn a_picture_is_named_in_one_line_and_its_name_is_no_word_of_the_author() {
    assert_eq!(label("a  [b]\tc.png"), "[picture: a _b_ c.png]");
    assert_eq!(without_labels("see [picture: down.png] here"), "see  here");
    assert!(
        only_labels(" [picture: a.png] [picture: b.png]") && !only_labels("see [picture: a.png]") && !only_labels("")
    );
}

#[test]
fn the_measures_of_a_picture_are_read_from_its_header() {
    assert_eq!(pixels(&png(640, 400, 100)), Some((640, 400)));
    assert_eq!(pixels(b"GIF89a\x20\x00\x10\x00"), Some((32, 16)));
    let jpeg = [&[0xff, 0xd8, 0xff, 0xe0, 0, 4, 0, 0, 0xff, 0xc0, 0, 17, 8, 0, 90, 0, 120][..], &[0; 8]].concat();
    assert_eq!(pixels(&jpeg), Some((120, 90)));
    assert_eq!(pixels(b"BM"), None);
    assert_eq!(pixels(&[0xff, 0xd8, 0xff]), None);
}

#[test]
fn html_without_a_plain_part_keeps_where_its_links_lead() {
    for (page, text) in [
        ("<p>see <a href='https://x.example/a?b=1&amp;c=2'>here</a>.</p>", "see here <https://x.example/a?b=1&c=2>."),
        ("<p>see <a href='https://x.example/'>x.example</a>.</p>", "see x.example."),
        ("<p>ask <a href='mailto:jane@x.example?subject=a'>Jane</a>.</p>", "ask Jane <jane@x.example>."),
        ("<p>ask <a href='mailto:jane@x.example'>Jane@x.example</a>.</p>", "ask Jane@x.example."),
        ("<p>press <a href='javascript:alert(1)'>here</a>.</p>", "press here."),
    ] {
        let raw = format!("From: a@b.example\r\nContent-Type: text/html\r\n\r\n{page}\r\n");
        let mail = deskd::mail::parse::parse(raw.as_bytes());
        assert_eq!(mail.text, text, "read whole");
        assert_eq!(deskd::mail::reply::new_text(&mail).text, text, "new text");
    }
}

#[test]
fn a_picture_written_into_the_page_becomes_a_part() {
    let bytes = png(640, 400, 20_000);
    let data = data_encoding::BASE64.encode(&bytes);
    let raw = format!(
        "From: a@b.example\r\nContent-Type: text/html\r\n\r\n<p>See <img src=\"data:image/png;base64,{data}\"> and \
         <img src='data:image/png;base64,%%%'>.</p>\r\n"
    );
    let mail = deskd::mail::parse::parse(raw.as_bytes());
    assert_eq!(mail.attachments.len(), 1);
    assert_eq!((mail.attachments[0].name.as_str(), mail.attachments[0].bytes == bytes), ("picture.png", true));
    assert_eq!(deskd::mail::reply::new_text(&mail).text, "See [picture: picture.png] and .");
    assert!(!mail.html.unwrap().contains("data:"));
}
