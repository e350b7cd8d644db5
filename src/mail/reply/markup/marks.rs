//! What an element says of the text within it: that it is quoted, that it is hidden, that nobody can make it out.

use super::attributes::Attributes;

/// What an element says about the text within it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Mark {
    Plain,
    Quoted,
    Hidden,
}

/// Parts of a class or an id that only a program writes, around the earlier mail.
const QUOTE_NAMES: [&str; 30] = [
    "gmail_attr",
    "moz-cite-prefix",
    "protonmail_quote",
    "yahoo_quoted",
    "zmail_extra",
    "tutanota_quote",
    "fairemail_quote",
    "front-blockquote",
    "missive_quote",
    "airmail_on",
    "clean_bq",
    "cite2",
    "quote-pre",
    "messagereplysection",
    "sh-quoted",
    "sh-quoted-content",
    "replyforward",
    "gwt-quote",
    "hcb_quote",
    "iosymail",
    "quoted-text",
    "quoted_text",
    "quotedtext",
    "skiff_quote",
    "mailbird_quote",
    "bluemail_quote",
    "hey_quote",
    "reply-intro",
    "previous-message",
    "originalmessage",
];
/// Ids and classes after which nothing is the author's.
pub(super) const CUT_NAMES: [&str; 13] = [
    "divrplyfwdmsg",
    "appendonsend",
    "outlookmessageheader",
    "mail-editor-reference-message-container",
    "ms-outlook-mobile-reference-message",
    "isforwardcontent",
    "replysplit",
    "zwchr",
    "stopspelling",
    "origbody",
    "mailcontainerquote",
    "originalmessagecontent",
    "fwdmsgheader",
];

/// Styles, without spaces, that take an element off the page.
const HIDING: [&str; 7] = [
    "display:none",
    "mso-hide:all",
    "visibility:hidden",
    "opacity:0;",
    "max-height:0;",
    "max-height:0px",
    "max-height:0pt",
];
const WHITE: [&str; 6] = ["white", "#fff", "#ffffff", "rgb(255,255,255)", "rgba(255,255,255,1)", "window"];

/// What can be made out of a text: a style counts until one further in says otherwise.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Sight {
    /// White letters.
    white: bool,
    /// Upon something else than white.
    backed: bool,
    /// No size, or off the page.
    tiny: bool,
}

impl Sight {
    /// Within this element.
    pub(super) fn within(self, attributes: &Attributes) -> Sight {
        let mut sight = self;
        let style = style(attributes);
        let white = |colour: &str| WHITE.contains(&colour.trim_end_matches("!important"));
        let colour = attributes.value("color").map(str::to_ascii_lowercase);
        let ground = attributes.value("bgcolor").map(str::to_ascii_lowercase);
        for colour in colour.iter().map(String::as_str).chain(rule(&style, "color")) {
            sight.white = white(colour);
        }
        for ground in
            ground.iter().map(String::as_str).chain(rule(&style, "background-color")).chain(rule(&style, "background"))
        {
            sight.backed = !(white(ground) || ground == "transparent" || ground == "none");
        }
        for size in rule(&style, "font-size") {
            let number = size.trim_end_matches(|c: char| c.is_ascii_alphabetic() || matches!(c, '%' | '!'));
            sight.tiny = number.parse::<f32>().is_ok_and(|size| size < 2.0) && !size.contains("em");
        }
        sight.tiny |= style.contains(":-999");
        sight
    }

    /// Nobody can read what stands here.
    pub(super) fn is_none(self) -> bool {
        self.tiny || self.white && !self.backed
    }
}

/// Lower case, without spaces, each rule ended.
fn style(attributes: &Attributes) -> String {
    let style = attributes.value("style").unwrap_or_default().to_ascii_lowercase();
    style.split_whitespace().chain([";"]).collect()
}

fn rule<'a>(style: &'a str, name: &'a str) -> impl Iterator<Item = &'a str> {
    style.split(';').filter_map(move |rule| rule.strip_prefix(name)?.strip_prefix(':'))
}

pub(super) fn mark(name: &str, attributes: &Attributes) -> Mark {
    let style = style(attributes);
    if name == "head" || attributes.value("hidden").is_some() || HIDING.iter().any(|hiding| style.contains(hiding)) {
        return Mark::Hidden;
    }
    if name == "blockquote" {
        let only_indented =
            style.contains("border:none") || style.contains("border:medium") || style.contains("border:0");
        let cited = attributes.value("type").is_some()
            || attributes.value("cite").is_some()
            || attributes.value("class").is_some();
        return if only_indented && !cited { Mark::Plain } else { Mark::Quoted };
    }
    let barred = style.split(';').any(|rule| rule.starts_with("border-left:") && rule.contains("solid"));
    if attributes.any_name(&QUOTE_NAMES)
        || (name == "div" && barred)
        || attributes.value("fairemail").is_some_and(|v| v == "reply")
    {
        return Mark::Quoted;
    }
    Mark::Plain
}
