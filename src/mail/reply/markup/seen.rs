//! What a copy of a page may be made of: the few elements that carry meaning, words, pictures within the mail, and links to somewhere.

use super::attributes::Attributes;

/// One thing of the page, and the line on which it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Event {
    pub line: usize,
    pub what: Seen,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Seen {
    Open(Tag),
    Close(&'static str),
    Break,
    Rule,
    /// Decoded.
    Text(String),
    Picture {
        id: String,
        width: Option<u32>,
    },
}

/// An element of the copy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Tag {
    pub name: &'static str,
    /// Attribute and value, decoded.
    pub attributes: Vec<(&'static str, String)>,
}

/// Links of any length would fill a text.
const MAX_ADDRESS: usize = 500;

/// The element of the copy for one of the page; `None` where only its content counts.
pub(super) fn tag(name: &str, attributes: &Attributes) -> Option<Tag> {
    let bare = |name| Some(Tag { name, attributes: Vec::new() });
    match name {
        "p" if attributes.any_name(&["msonormal", "msolistparagraph", "msoplaintext"]) => bare("div"),
        "p" => bare("p"),
        "div" | "center" | "section" | "article" | "header" | "footer" | "blockquote" | "dl" | "dt" | "dd"
        | "caption" => bare("div"),
        "b" | "strong" => bare("b"),
        "i" | "em" => bare("i"),
        "u" | "ins" => bare("u"),
        "s" | "strike" | "del" => bare("s"),
        "code" | "tt" | "kbd" | "samp" => bare("code"),
        "sub" => bare("sub"),
        "sup" => bare("sup"),
        "pre" => bare("pre"),
        "ul" => bare("ul"),
        "ol" => numbered("ol", attributes, &["start"]),
        "li" => numbered("li", attributes, &["value"]),
        "h1" | "h2" | "h3" | "h4" | "h5" | "h6" => bare("h3"),
        "table" => bare("table"),
        "tr" => bare("tr"),
        "td" => numbered("td", attributes, &["colspan", "rowspan"]),
        "th" => numbered("th", attributes, &["colspan", "rowspan"]),
        "a" => {
            let link = attributes.value("href").and_then(link)?;
            Some(Tag { name: "a", attributes: vec![("href", link)] })
        }
        _ => None,
    }
}

fn numbered(name: &'static str, attributes: &Attributes, wanted: &[&'static str]) -> Option<Tag> {
    let number = |wanted: &&'static str| {
        let value = attributes.value(wanted)?.trim();
        value.parse::<u16>().ok().filter(|number| *number < 1000).map(|number| (*wanted, number.to_string()))
    };
    Some(Tag { name, attributes: wanted.iter().filter_map(number).collect() })
}

/// Pixels; percentages and wild numbers are none.
pub(super) fn width(value: &str) -> Option<u32> {
    value.trim().trim_end_matches("px").parse().ok().filter(|width| (1..=4000).contains(width))
}

/// The address that a link leads to, as a text shows it: a page on the web, or a mailbox without subject and body.
pub(super) fn address(link: &str) -> Option<&str> {
    let link = link.trim();
    let web = link.starts_with("http://") || link.starts_with("https://");
    let mailbox = link.get(..7).filter(|scheme| scheme.eq_ignore_ascii_case("mailto:")).map(|_| &link[7..]);
    let address = match mailbox {
        Some(mailbox) => mailbox.split('?').next().filter(|mailbox| mailbox.contains('@') && !mailbox.contains('%'))?,
        None if web => link,
        None => return None,
    };
    let fits = address.len() <= MAX_ADDRESS && !address.contains(|c: char| c.is_whitespace() || c.is_control());
    fits.then_some(address)
}

/// Without what people leave out when they write it.
pub(super) fn bare_address(address: &str) -> &str {
    address.trim_start_matches("https://").trim_start_matches("http://").trim_end_matches('/')
}

/// The end of the text says where the link leads. Only its end, so that a line of many links costs no more than its length.
pub(super) fn names(text: &str, target: &str) -> bool {
    let text = &text[text.floor_char_boundary(text.len().saturating_sub(2000))..];
    text.contains(target) || text.to_lowercase().contains(&target.to_lowercase())
}

/// The link of the copy: nothing but what a text would show of it.
fn link(link: &str) -> Option<String> {
    let address = address(link)?;
    Some(if address.starts_with("http://") || address.starts_with("https://") {
        address.to_owned()
    } else {
        format!("mailto:{address}")
    })
}

/// Mail programs name the element in which they put a signature.
pub(super) fn is_signature(attributes: &Attributes) -> bool {
    ["id", "class"].iter().filter_map(|name| attributes.value(name)).any(|value| {
        let value = value.to_ascii_lowercase();
        value.split_whitespace().any(|word| word.contains("signature") && !word.contains("prefix"))
    })
}
